// SPDX-License-Identifier: Apache-2.0
//
// AVX-512 with VPOPCNTDQ: a vector of 16 lanes is one zmm register. 6 rows x 4 vectors are 24 sums, 4 weights and
// an activation: 29 of 32 registers. VNNI is asked for as well: every CPU that has VPOPCNTDQ, BW, DQ and VL has it.
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx512vnni,avx2,fma,popcnt"))),          \
    apply_to = function)
#define SK_NAME(name) name##__avx512
#define SK_GRADIENTS_NAME "avx512"
#define SK_ISA SK_ISA_AVX512
#define SK_ROWS 6
#define SK_VECTORS 4
#define SK_POPCOUNT(x) __builtin_elementwise_popcount(x)
#define SK_REGISTER(x) "+v"(x)
#define SK_FLOAT_REGISTER(x) "+v"(x)
#define SK_MASK_REGISTERS
#define SK_GRADIENT_VECTORS 4
#define SK_BYTE_LOOKUP
#define SK_SUM_REGISTER(x) "+v"(x)
#include "../vector.h"
#include "../gradient/avx512_vnni.h"
#include "../pixel_convolution/avx512_vnni.h"
#include "all_kernels.h"
#pragma clang attribute pop
#endif
