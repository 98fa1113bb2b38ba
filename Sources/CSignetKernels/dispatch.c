// SPDX-License-Identifier: Apache-2.0
//
// The table of kernels: one cell for each ISA, present if this build and this machine have it.

#include "include/CSignetKernels.h"

extern const sk_kernels sk_kernels__scalar;
extern const sk_gradients sk_gradients__scalar;

#if defined(__x86_64__)
#include <cpuid.h>

extern const sk_kernels sk_kernels__avx2;
extern const sk_kernels sk_kernels__avx512;
extern const sk_gradients sk_gradients__avx2;
extern const sk_gradients sk_gradients__avx512;
extern const sk_gradients sk_gradients__avx512_bf16;
extern const sk_gradients sk_gradients__avx512_amx;

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

// The operating system must save the registers as well: XCR0 bits 1-2 for ymm, and 5-7 for zmm.
static uint64_t saved_registers(void) {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE)) return 0;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return ((uint64_t)high << 32) | low;
}

static int has_avx2(void) {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_FMA) || !(ecx & bit_POPCNT)) return 0;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !(ebx & bit_AVX2)) return 0;
  return (saved_registers() & 0x6) == 0x6;
}

static int has_avx512(void) {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!has_avx2() || !__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return 0;
  const unsigned needed = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
  const unsigned counted = bit_AVX512VPOPCNTDQ | bit_AVX512VNNI;
  return (ebx & needed) == needed && (ecx & counted) == counted && (saved_registers() & 0xE6) == 0xE6;
}

static int has_avx512_bf16(void) {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return has_avx512() && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax & bit_AVX512BF16);
}

// Tiles: XCR0 bits 17-18, and leave for their 8 KB of registers, which Linux gives to a process that asks for it.
static int has_avx512_amx(void) {
#if defined(__linux__)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!has_avx512() || !__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return 0;
  const unsigned needed = 1u << 22 | 1u << 24 | 1u << 25;  // AMX-BF16, AMX-TILE, AMX-INT8
  if (!(ecx & 1u << 1)) return 0;  // AVX512-VBMI, which no such processor lacks
  if ((edx & needed) != needed || (saved_registers() & 0x60000) != 0x60000) return 0;
  const long request = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM
  return syscall(SYS_arch_prctl, request, tile_data) == 0;
#else
  return 0;
#endif
}
#elif defined(__aarch64__)
extern const sk_kernels sk_kernels__neon;
extern const sk_gradients sk_gradients__neon;
extern const sk_gradients sk_gradients__neon_dot;
extern const sk_gradients sk_gradients__neon_bf16;

#if defined(__linux__)
#include <sys/auxv.h>
#endif

static int has_neon_dot(void) {
#if defined(__ARM_FEATURE_DOTPROD)
  return 1;
#elif defined(__linux__)
  return (getauxval(AT_HWCAP) >> 20 & 1) != 0;  // HWCAP_ASIMDDP
#else
  return 0;
#endif
}

static int has_neon_bf16(void) {
#if defined(__ARM_FEATURE_BF16) && defined(__ARM_FEATURE_DOTPROD)
  return 1;
#elif defined(__linux__)
  return has_neon_dot() && (getauxval(AT_HWCAP2) >> 14 & 1);  // HWCAP2_BF16
#else
  return 0;
#endif
}
#endif

const sk_kernels *sk_kernels_for(sk_isa isa) {
  switch (isa) {
    case SK_ISA_SCALAR:
      return &sk_kernels__scalar;
#if defined(__x86_64__)
    case SK_ISA_AVX2:
      return has_avx2() ? &sk_kernels__avx2 : 0;
    case SK_ISA_AVX512:
      return has_avx512() ? &sk_kernels__avx512 : 0;
    case SK_ISA_NEON:
      return 0;
#elif defined(__aarch64__)
    case SK_ISA_NEON:
      return &sk_kernels__neon;
    case SK_ISA_AVX2:
    case SK_ISA_AVX512:
      return 0;
#else
    case SK_ISA_AVX2:
    case SK_ISA_AVX512:
    case SK_ISA_NEON:
      return 0;
#endif
  }
  return 0;
}

const sk_gradients *sk_gradients_at(sk_isa isa, size_t index) {
  if (!sk_kernels_for(isa)) return 0;
  switch (isa) {
    case SK_ISA_SCALAR:
      return index == 0 ? &sk_gradients__scalar : 0;
#if defined(__x86_64__)
    case SK_ISA_AVX2:
      return index == 0 ? &sk_gradients__avx2 : 0;
    case SK_ISA_AVX512:
      if (has_avx512_amx() && index-- == 0) return &sk_gradients__avx512_amx;
      if (has_avx512_bf16() && index-- == 0) return &sk_gradients__avx512_bf16;
      return index == 0 ? &sk_gradients__avx512 : 0;
#elif defined(__aarch64__)
    case SK_ISA_NEON:
      if (has_neon_bf16() && index-- == 0) return &sk_gradients__neon_bf16;
      if (has_neon_dot() && index-- == 0) return &sk_gradients__neon_dot;
      return index == 0 ? &sk_gradients__neon : 0;
#endif
    default:
      return 0;
  }
}

const sk_gradients *sk_gradients_for(sk_isa isa) { return sk_gradients_at(isa, 0); }

size_t sk_packed_gradient_bytes(size_t rows, size_t filters, sk_precision precision) {
  const size_t blocks = (filters + SK_GRADIENT_FILTERS - 1) / SK_GRADIENT_FILTERS;
  const size_t element = precision == SK_PRECISION_INT8 ? 1 : precision == SK_PRECISION_BFLOAT16 ? 2 : 4;
  // Tiles hold up to 64 rows.
  return blocks * SK_GRADIENT_FILTERS * ((rows + 63) / 64 * 64) * element;
}

size_t sk_gradient_scratch_bytes(size_t filters, size_t channels, size_t taps) {
  const size_t tiles = (filters + SK_GRADIENT_ROWS - 1) / SK_GRADIENT_ROWS;
  const size_t vector = SK_LANES * 4, widest = 4;
  const size_t steps = SK_GRADIENT_STEPS > SK_GRADIENT_DEPTH ? SK_GRADIENT_STEPS : SK_GRADIENT_DEPTH;
  const size_t panel = steps * widest * vector;
  // Sums by tiles may begin before a task's filters and end behind them.
  const size_t block = (tiles * SK_GRADIENT_ROWS + 32) * widest * vector;
  const size_t sums = block > SK_GRADIENT_SUM_BYTES ? block : SK_GRADIENT_SUM_BYTES;
  const size_t weights = 4 * SK_GRADIENT_STEPS * widest * sizeof(void *) + sums;
  const size_t inputs = SK_GRADIENT_PIXELS * (sizeof(void *) + 16 + widest * vector) + widest * vector + 64;
  // On AVX-512: the values of a chunk, up to 2 bytes for each of the 32 channels of a word.
  const size_t values = SK_VALUE_PIXELS * ((channels + 31) / 32) * 64;
  const size_t products = panel + (weights + values > inputs ? weights + values : inputs);
  // By lookup: tables of 4 or 5 filters, sums of pixels, sums between passes in blocks of up to 3 vectors, a row of
  // reals.
  const size_t vectors = (channels + 31) / 32, blocks = (vectors + 2) / 3;
  const size_t kept = (SK_LOOKUP_PIXELS + 1) * vectors * 2 * vector;
  const size_t between = taps * blocks * SK_LOOKUP_ROWS * 6 * vector;
  const size_t lookups = SK_LOOKUP_ROWS * ((filters + 3) / 4) * vector + kept + between + filters * 4 + 2 * vector;
  // Of weight gradients: tables and indices, sums, what taps miss, rows.
  const size_t tables = (SK_LOOKUP_ROWS + SK_LOOKUP_VECTORS) * SK_LOOKUP_GROUPS * vector;
  const size_t missed = SK_LOOKUP_VECTORS * SK_LOOKUP_FILTERS * 4, rows = 5 * SK_LOOKUP_GROUPS * sizeof(void *);
  const size_t weight_lookups = tables + SK_LOOKUP_WEIGHT_SUM_BYTES + missed + rows;
  // By tiles: rows of dY with a scale, a sum and a bit each; sums of 32 positions by 2 columns, thrice.
  const size_t strip = (taps * 17 > SK_STRIP_ROWS ? taps * 17 : SK_STRIP_ROWS) + taps + 31;
  const size_t tile_inputs = strip * ((filters / 32 + 4) * vector + 9) + 3 * 64 * vector + 64;
  const size_t most = products > lookups ? products : lookups;
  const size_t others = weight_lookups > tile_inputs ? weight_lookups : tile_inputs;
  return most > others ? most : others;
}

size_t sk_convolution_scratch_bytes(size_t channels, size_t taps) {
  // By tiles: sums of 2 x 2 tiles, and the windows of 32 pixels in pairs of bfloat16.
  return 64 * SK_LANES * 4 + (taps * (channels + 1) / 32 + 1) * 32 * 64;
}
