// SPDX-License-Identifier: Apache-2.0
//
// AVX-512 with BF16: the products of a backward pass alone, whose pairs are one instruction here. Everything else is
// AVX-512's.
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma,popcnt"))),               \
    apply_to = function)
#define SK_NAME(name) name##__avx512_bf16
#define SK_GRADIENTS_NAME "avx512 bf16"
#define SK_MASK_REGISTERS
#define SK_GRADIENT_VECTORS 4
#define SK_BYTE_LOOKUP
#define SK_REAL_LOOKUP
#define SK_SUM_REGISTER(x) "+v"(x)
#define SK_DOT_PAIRS(sum, panel, word) \
  (sk_f32) _mm512_dpbf16_ps((__m512)(sum), (__m512bh)(panel), (__m512bh)_mm512_set1_epi32((int)(word)))
#include "../vector.h"
#include "../lanes.h"
#include "../bfloat16.h"
#include "../convolution/gather.h"
#include "../gradient/avx512_vnni.h"
#include "../gradient/all_products.h"
#pragma clang attribute pop
#endif
