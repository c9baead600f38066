/* A model alone on a machine, QEMU's `virt` of AArch64 or RISC-V: no system, no C library. Starts, runs it once, and sends its status and its output to the serial port.
 *
 * VALUES are those of its input. Linked by machine.ld, which puts `.start` first.
 */
#include "model.h"

static float x[MODEL_INPUT_0_ELEMENTS] = {VALUES}, y[MODEL_OUTPUT_0_ELEMENTS];
static _Alignas(MODEL_WORKSPACE_ALIGNMENT) unsigned char workspace[MODEL_WORKSPACE_BYTES + 1];
_Alignas(16) unsigned char stack[1 << 16];

#ifdef __aarch64__

/* Two blocks of 1 GB, each at its own address: devices, and normal memory, in which accesses need not be aligned. */
_Alignas(4096) const uint64_t translation[512] = {0x00000000 | 0x401, 0x40000000 | 0x705};

__asm__(".section .start, \"ax\"\n"
        ".globl _start\n"
        "_start:\n"
        "  ldr x0, =stack + 65536\n"
        "  mov sp, x0\n"
        "  mov x0, #(3 << 20)\n" /* floating point and vectors */
        "  msr cpacr_el1, x0\n"
        "  mov x0, #0xff00\n" /* kind 0: devices, kind 1: memory that is cached */
        "  msr mair_el1, x0\n"
        "  ldr x0, =0x803519\n" /* addresses of 39 bits, pages of 4 KiB, the lower half alone */
        "  msr tcr_el1, x0\n"
        "  ldr x0, =translation\n"
        "  msr ttbr0_el1, x0\n"
        "  isb\n"
        "  mrs x0, sctlr_el1\n"
        "  orr x0, x0, #1\n"
        "  msr sctlr_el1, x0\n"
        "  isb\n"
        "  bl begin\n"
        ".text");

static void send(unsigned char byte) {
  volatile uint32_t *port = (volatile uint32_t *)0x09000000; /* a PL011 */
  while (port[6] & (1 << 5))
    ;
  port[0] = byte;
}

static void powerOff(void) {
  register long call __asm__("x0") = 0x84000008; /* PSCI's SYSTEM_OFF */
  __asm__ volatile("hvc #0" : "+r"(call));
}

#else

__asm__(".section .start, \"ax\"\n"
        ".globl _start\n"
        "_start:\n"
        "  lla sp, stack + 65536\n"
        "  li t0, 3 << 13\n" /* floating point */
        "  csrs mstatus, t0\n"
        "  call begin\n"
        ".text");

static void send(unsigned char byte) {
  volatile unsigned char *port = (volatile unsigned char *)0x10000000; /* a 16550 */
  while (!(port[5] & (1 << 5)))
    ;
  port[0] = byte;
}

static void powerOff(void) { *(volatile uint32_t *)0x100000 = 0x5555; }

#endif

static void sendAll(const void *data, uint64_t size) {
  for (uint64_t i = 0; i < size; ++i)
    send(((const unsigned char *)data)[i]);
}

void begin(void) {
  int32_t status = model_run(x, y, workspace, 0);
  sendAll(&status, sizeof status);
  sendAll(y, sizeof y);
  powerOff();
  for (;;)
    ;
}
