// SPDX-License-Identifier: Apache-2.0
//
// Every kernel of every instruction set that this machine runs, against the scalar one, bit for bit, on seeded
// random inputs of awkward sizes. Exit status 1 if a bit differs. The digest at the end is the same on every machine.
//
// Scripts/test-neon builds it natively and for AArch64, where the table has NEON kernels.
#include <stdio.h>
#include <stdlib.h>
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#include "engine_kernels.h"
#include "gradient_kernels.h"
#include "not_finite_kernels.h"
#include "training_kernels.h"

// NEON's convolution of bytes is there twice; the kernel asks the system in the same way which one to run.
static const char *variant(int isa) {
  if (isa != SK_ISA_NEON) return "";
#if defined(__ARM_FEATURE_DOTPROD)
  return " (sdot)";
#elif defined(__aarch64__) && defined(__linux__)
  return getauxval(AT_HWCAP) >> 20 & 1 ? " (sdot)" : " (smull)";
#else
  return " (smull)";
#endif
}

int main(int argc, char **argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 400;
  if (rounds < 1) {
    fprintf(stderr, "usage: %s [ROUNDS]\n", argv[0]);
    return 64;
  }
  static const char *const names[] = {"scalar", "avx2", "avx512", "neon"};
  void (*const tests[])(const sk_kernels *, const sk_kernels *) = {
      binary_convolution, float_convolution, pixel_convolution, encode, pools, patches, elementwise,
      gradients,          not_finite,        adam};
  const sk_kernels *scalar = sk_kernels_for(SK_ISA_SCALAR);
  size_t failures = 0, tables = 0;
  for (int isa = SK_ISA_AVX2; isa <= SK_ISA_NEON; ++isa) {
    const sk_kernels *kernels = sk_kernels_for((sk_isa)isa);
    if (!kernels) {
      printf("%-7s not run: this build or machine doesn't have it\n", names[isa]);
      continue;
    }
    ++tables;
    compared = differing = 0;
    digest = 0xCBF29CE484222325u;
    for (int round = 0; round < rounds; ++round) {
      state = (uint64_t)round;
      for (size_t t = 0; t < sizeof tests / sizeof *tests; ++t) tests[t](scalar, kernels);
    }
    printf("%-7s %d rounds%s, %zu bytes compared with scalar, %zu results differ\n", names[isa], rounds, variant(isa),
           compared, differing);
    printf("        training by");
    const sk_gradients *table;
    for (size_t index = 0; (table = sk_gradients_at((sk_isa)isa, index)); ++index) {
      printf("%s %s", index ? "," : "", table->name);
    }
    printf("\n");
    failures += differing;
  }
  if (tables) printf("digest of the scalar results: %016llx\n", (unsigned long long)digest);
  if (!tables) printf("nothing to compare: only the scalar kernels run here\n");
  return failures || !tables ? 1 : 0;
}
