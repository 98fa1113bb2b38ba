// SPDX-License-Identifier: Apache-2.0
//
// The peak of sums that are looked up, on registers alone (Documentation/Decisions/0010-sums-looked-up.md):
//   clang -O2 Benchmarks/training/lookups.c -o lookups && ./lookups
// G multiply-adds a second of one thread, the best of nine; for CPUs with AVX-512 BF16 and VBMI.
#include <immintrin.h>
#include <stdio.h>
#include <time.h>

#define ISA __attribute__((target("avx512f,avx512bw,avx512bf16,avx512vbmi")))
#define ROUNDS 1000000
#define SUMS 18

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Times SUMS of a statement, each of so many products, which uses sums, tables, indices, one and i.
#define PEAK(NAME, PRODUCTS, STATEMENT)                                              \
  do {                                                                               \
    __m512 sums[SUMS] = {}, tables[12], one = _mm512_set1_ps(1);                     \
    __m512i indices[3];                                                              \
    for (int i = 0; i < 12; ++i) tables[i] = _mm512_set1_ps((float)i * 1e-20f);      \
    for (int i = 0; i < 3; ++i) indices[i] = _mm512_set1_epi32(i);                   \
    __asm__("" : "+v"(one));                                                         \
    double best = 1e9;                                                               \
    for (int time = 0; time < 9; ++time) {                                           \
      const double begin = seconds();                                                \
      for (long round = 0; round < ROUNDS; ++round) {                                \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < SUMS; ++i) STATEMENT; \
      }                                                                              \
      const double time_taken = seconds() - begin;                                   \
      if (time_taken < best) best = time_taken;                                      \
    }                                                                                \
    for (int i = 0; i < SUMS; ++i) __asm__ volatile("" ::"v"(sums[i]));              \
    printf("%-44s %6.0f\n", NAME, (double)ROUNDS* SUMS*(PRODUCTS) / best / 1e9);     \
  } while (0)

#define PICK(OPERATION, TO) \
  __asm__ volatile(OPERATION " %2, %1, %0" : "=v"(TO) : "v"(indices[i / 6]), "v"(tables[i % 6]))
#define PICK_TWO(OPERATION, TO)                                   \
  __asm__ volatile("vmovdqa64 %1, %0\n\t" OPERATION " %3, %2, %0" \
                   : "=&v"(TO)                                    \
                   : "v"(indices[i / 6]), "v"(tables[i % 6]), "v"(tables[i % 6 + 6]))
#define REALS(EVERY)                                                                                         \
  {                                                                                                          \
    __m512 value;                                                                                            \
    PICK("vpermps", value);                                                                                  \
    sums[i] = i % EVERY == EVERY - 1 ? _mm512_fmadd_ps(value, one, sums[i]) : _mm512_add_ps(sums[i], value); \
  }

ISA int main(void) {
  PEAK("vpermps alone", 64, {
    __m512 value;
    PICK("vpermps", value);
  });
  PEAK("vpermps, vaddps", 64, REALS(1000));
  PEAK("vpermps, every third addition vfmadd", 64, REALS(3));
  PEAK("vpermps, every second addition vfmadd", 64, REALS(2));
  PEAK("vpermps, vfmadd", 64, REALS(1));
  PEAK("vpermi2ps of two registers, vaddps", 80, {
    __m512 value;
    PICK_TWO("vpermi2ps", value);
    sums[i] = _mm512_add_ps(sums[i], value);
  });
  PEAK("vpermi2ps, every third addition vfmadd", 80, {
    __m512 value;
    PICK_TWO("vpermi2ps", value);
    sums[i] = i % 3 == 2 ? _mm512_fmadd_ps(value, one, sums[i]) : _mm512_add_ps(sums[i], value);
  });
  PEAK("vpermw, vpaddw", 160, {
    __m512i value;
    PICK("vpermw", value);
    sums[i] = (__m512)_mm512_add_epi16((__m512i)sums[i], value);
  });
  PEAK("vpermi2w of two registers, vpaddw", 192, {
    __m512i value;
    PICK_TWO("vpermi2w", value);
    sums[i] = (__m512)_mm512_add_epi16((__m512i)sums[i], value);
  });
  return 0;
}
