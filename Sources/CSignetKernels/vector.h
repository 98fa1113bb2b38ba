// SPDX-License-Identifier: Apache-2.0
//
// 16-lane vectors in clang's portable vector types. The same source is compiled once for each ISA: 16 floats
// are one zmm register, two ymm, or four q registers, with the same lanes and so the same bits.
#ifndef SIGNET_VECTOR_H
#define SIGNET_VECTOR_H

#include <stdint.h>
#include <string.h>

#include "include/CSignetKernels.h"

// Vectors are passed between inlined functions only, so no call depends on their ABI.
#pragma clang diagnostic ignored "-Wpsabi"

// A product and a sum are fused only where fma is written.
#pragma STDC FP_CONTRACT OFF

#define SK_INLINE static inline __attribute__((always_inline))

typedef float sk_f32 __attribute__((ext_vector_type(16)));
typedef int32_t sk_i32 __attribute__((ext_vector_type(16)));
typedef uint32_t sk_u32 __attribute__((ext_vector_type(16)));
typedef _Bool sk_bool __attribute__((ext_vector_type(16)));
typedef int8_t sk_i8 __attribute__((ext_vector_type(16)));
typedef int16_t sk_i16 __attribute__((ext_vector_type(16)));
typedef uint16_t sk_u16 __attribute__((ext_vector_type(16)));

// The same vectors at any address.
typedef float sk_f32_at __attribute__((ext_vector_type(16), aligned(4)));
typedef int32_t sk_i32_at __attribute__((ext_vector_type(16), aligned(4)));
typedef uint32_t sk_u32_at __attribute__((ext_vector_type(16), aligned(4)));
typedef int16_t sk_i16_at __attribute__((ext_vector_type(16), aligned(2)));
typedef uint16_t sk_u16_at __attribute__((ext_vector_type(16), aligned(2)));
typedef uint32_t sk_word_at __attribute__((aligned(1)));

#define SK_LOAD_F32(p) (*(const sk_f32_at *)(p))
#define SK_LOAD_I32(p) (*(const sk_i32_at *)(p))
#define SK_LOAD_U32(p) (*(const sk_u32_at *)(p))
// The lanes of a comparison as 16 bits, lane 0 lowest.
#define SK_BITS(comparison) __builtin_bit_cast(uint16_t, __builtin_convertvector((comparison), sk_bool))
#define SK_FMA(a, b, c) __builtin_elementwise_fma((a), (b), (c))
#define SK_SELECT(comparison, a, b) ((comparison) ? (a) : (b))

#define SK_UNROLL _Pragma("clang loop unroll(full)")

#endif
