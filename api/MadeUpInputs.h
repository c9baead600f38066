//===- MadeUpInputs.h - inputs to run a model with, where none are given -------------------------------------*- C++ -*-===//

#ifndef LEPTON_API_MADEUPINPUTS_H
#define LEPTON_API_MADEUPINPUTS_H

#include "api/HostTensor.h"

#include <random>

namespace lepton {

/// A value that the model takes as this input: normal floats; small numbers of other types, which are valid indices. Sizes that the model leaves open are
/// as small as may be. False where no memory can hold it.
bool makeUp(const lepton_model &model, const lepton_value_info &info, std::mt19937_64 &random, HostTensor &tensor);

} // namespace lepton

#endif // LEPTON_API_MADEUPINPUTS_H
