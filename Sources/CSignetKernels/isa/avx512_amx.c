// SPDX-License-Identifier: Apache-2.0
//
// AVX-512 with AMX: the products of a training step in bfloat16 and bytes are those of whole tiles, 8192 and 16384
// multiply-adds an instruction. Everything else is AVX-512's.
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni,amx-tile,amx-int8,amx-bf16,"       \
                          "avx2,fma,popcnt"))),                                                                        \
    apply_to = function)
#define SK_NAME(name) name##__avx512_amx
#define SK_GRADIENTS_NAME "avx512 amx"
#define SK_MASK_REGISTERS
#define SK_GRADIENT_VECTORS 4
#define SK_TILES
#define SK_SUM_REGISTER(x) "+v"(x)
#include "../vector.h"
#include "../lanes.h"
#include "../bfloat16.h"
#include "../convolution/gather.h"
#include "../gradient/avx512_vnni.h"
#include "../gradient/all_products.h"
#pragma clang attribute pop
#endif
