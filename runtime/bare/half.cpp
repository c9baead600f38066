//===- half.cpp - Conversions of 16-bit floats, compiled without a C library ----===//
#include "../cpu/half.cpp"
