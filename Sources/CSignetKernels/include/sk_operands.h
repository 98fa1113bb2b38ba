// SPDX-License-Identifier: Apache-2.0
//
// What kernels of inference and of training share: sizes, windows over images, values and their codes.
#ifndef SIGNET_SK_OPERANDS_H
#define SIGNET_SK_OPERANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Output channels that one vector holds.
#define SK_LANES 16
/// The most rows that a tile has; a row is one plane of one output pixel.
#define SK_MAX_ROWS 6
/// Pointers that a convolution's scratch must hold; more where a kernel has so many taps that one tile needs them.
#define SK_SCRATCH_POINTERS 1024
/// The largest number of planes that an activation may have.
#define SK_MAX_PLANES 4

/// A sliding window over an image; sizes in pixels.
typedef struct sk_window {
  int32_t in_height, in_width;
  int32_t out_height, out_width;
  int32_t kernel_height, kernel_width;
  int32_t stride_height, stride_width;
  int32_t pad_top, pad_left;
} sk_window;

/// Up to 16 consecutive channels that one vector computes, and where they go. The blocks of reals and accumulators
/// follow each other; those of bits come in pairs, one for each half of a word.
typedef struct sk_block {
  uint32_t channel;   ///< first channel
  uint32_t count;     ///< channels in use, 0...16; the lanes behind them give bit 0 and are not stored
  uint32_t position;  ///< index of the 16-bit half word that receives the block's bits
} sk_block;

/// What the products of a binary layer's backward pass are computed with.
typedef enum __attribute__((enum_extensibility(closed))) sk_precision {
  /// fp32, fused multiply-adds
  SK_PRECISION_FLOAT32 __attribute__((swift_name("float32"))) = 0,
  /// bfloat16 operands, fp32 sums
  SK_PRECISION_BFLOAT16 __attribute__((swift_name("bfloat16"))) = 1,
  /// 8-bit operands, int32 sums
  SK_PRECISION_INT8 __attribute__((swift_name("int8"))) = 2
} sk_precision;

/// What a layer reads, [rows][channels]: reals or accumulators, through the activation function before it, if any.
///
/// value = x >= 0 ? x : slope[c] * x.
typedef struct sk_values {
  const void *data;  ///< float, or int16 if `shorts`
  bool shorts;
  uint32_t channels;
  const float *_Nullable slope;  ///< [channels], or null
} sk_values;

/// How reals become residual codes: z = fma(scale, v, shift), then plane by plane the sign of what is left.
typedef struct sk_codes {
  const float *scale;   ///< [blocks * 16]
  const float *shift;   ///< [blocks * 16]
  const float *betas;   ///< [planes], subtracted after each plane
  uint32_t planes;
  uint32_t pixel_stride;  ///< halves
  uint32_t plane_stride;  ///< halves
  uint16_t *output;
} sk_codes;

/// Turns rows of reals into residual codes: z = fma(scale, x, shift), then plane by plane the sign of what is left.
typedef struct sk_encode {
  sk_values input;
  const float *_Nullable scale;  ///< [channels], or null for z = x
  const float *_Nullable shift;  ///< [channels]
  const float *betas;     ///< [planes], subtracted after each plane
  uint32_t planes;
  const sk_block *blocks;
  uint32_t block_count;
  uint16_t *output;       ///< [row][pixel_stride halves]
  uint32_t pixel_stride;
  uint32_t plane_stride;
  uint16_t *_Nullable mask;  ///< bits of |z| <= edge, [row][plane_stride halves], or null
  float edge;
} sk_encode;

/// Max-pool of reals; taps outside the image are left out.
typedef struct sk_float_pool {
  sk_window window;
  const float *input;  ///< [N][in_height][in_width][channels]
  uint32_t channels;
  float *output;       ///< [pixel][channels]
} sk_float_pool;

/// Kinds of instruction sets that kernels are written for.
typedef enum __attribute__((enum_extensibility(closed))) sk_isa {
  SK_ISA_SCALAR __attribute__((swift_name("scalar"))) = 0,
  SK_ISA_AVX2 __attribute__((swift_name("avx2"))) = 1,
  SK_ISA_AVX512 __attribute__((swift_name("avx512"))) = 2,
  SK_ISA_NEON __attribute__((swift_name("neon"))) = 3
} sk_isa;

#pragma clang assume_nonnull end
#endif
