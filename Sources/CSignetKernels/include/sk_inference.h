// SPDX-License-Identifier: Apache-2.0
//
// What the kernels of the engine work on: convolutions, and pools of levels.
#ifndef SIGNET_SK_INFERENCE_H
#define SIGNET_SK_INFERENCE_H

#include "sk_operands.h"

#pragma clang assume_nonnull begin

/// What a binary convolution writes.
typedef enum __attribute__((enum_extensibility(closed))) sk_output_kind {
  /// int32 [pixel][channels]
  SK_OUTPUT_ACCUMULATORS __attribute__((swift_name("accumulators"))) = 0,
  /// float [pixel][channels], accumulator * unit
  SK_OUTPUT_REALS __attribute__((swift_name("reals"))) = 1,
  /// bits [pixel][planes][halves]: the residual code of the level
  SK_OUTPUT_CODES __attribute__((swift_name("codes"))) = 2,
  /// bits [pixel][levels][halves]: one plane for each level, for pooling
  SK_OUTPUT_LEVELS __attribute__((swift_name("levels"))) = 3,
  /// int16 [pixel][channels]: accumulators of at most 32767
  SK_OUTPUT_SHORTS __attribute__((swift_name("shorts"))) = 4
} sk_output_kind;

/// Where results go, and how an accumulator becomes a level.
///
/// With s the weighted sum of popcounts, level j of channel c is reached if (uint32)(s + start[j][c]) < width[j][c]:
/// a cyclic interval of integers, for each border class since padding adds popcounts of its own. Level sets are nested,
/// so the code is their count; plane m of M is the parity of the levels that are multiples of 2^(M-m).
typedef struct sk_output {
  sk_output_kind kind;
  uint32_t planes;        ///< planes of the code, 1...SK_MAX_PLANES
  uint32_t pixel_stride;  ///< elements (accumulators, reals, shorts) or 16-bit halves (codes, levels) between pixels
  uint32_t plane_stride;  ///< 16-bit halves between planes
  float unit;             ///< what an accumulator of 1 stands for
  void *data;
  const uint32_t *_Nullable start;  ///< [border class][levels][blocks * 16]
  const uint32_t *_Nullable width;  ///< [border class][levels][blocks * 16]; 0 in lanes without a channel
  /// What arrange_shorts makes of both; null but for one plane in, one out, K < 16384.
  const uint16_t *_Nullable shorts;
} sk_output;

/// A convolution of +-1 activations, in `planes` weighted planes, with +-1 weights: one group of channels.
///
/// acc(pixel, c) = base[class of pixel][c] - 2 * sum_m plane_weights[m] * popcount(activation_m ^ weight_c).
/// Taps outside the image read `zeros`; `base` takes back what they add, so that padding contributes 0.
typedef struct sk_binary_convolution {
  sk_window window;
  const uint32_t *input;   ///< [N][in_height][in_width][pixel_words], at the group's first word of plane 0
  const uint32_t *zeros;   ///< kernel_width * pixel_words words of 0
  uint32_t pixel_words;    ///< words from one pixel to the next
  uint32_t plane_words;    ///< words from one plane of a pixel to the next
  uint32_t words;          ///< words of the group in one plane
  uint32_t planes;         ///< 1...SK_MAX_PLANES
  const int32_t *plane_weights;  ///< [planes]; a single plane's weight must be 1
  const uint32_t *panel;         ///< arranged weights of an even number of blocks, see sk_kernels
  size_t stream;                 ///< words of one block in the panel: taps * words * 16
  const sk_block *blocks;        ///< [block_count]
  uint32_t block_count;
  const int32_t *base;           ///< [border class][block_count * 16]
  const uint16_t *row_class;     ///< [out_height]
  const uint16_t *column_class;  ///< [out_width]
  uint32_t column_classes;
  sk_output output;
} sk_binary_convolution;

/// A convolution of reals: one group of channels, with an optional bias and slope for negative results.
///
/// v = bias[c]; v = fma(x, w, v) over taps in row-major order, then channels; taps outside the image count as
/// x = 0. The result is v >= 0 ? v : slope[c] * v.
typedef struct sk_float_convolution {
  sk_window window;
  const float *input;     ///< [N][in_height][in_width][pixel_stride], at the group's first channel
  const float *zeros;     ///< kernel_width * pixel_stride floats of 0
  uint32_t pixel_stride;  ///< floats from one pixel to the next
  uint32_t channels;      ///< input channels of the group
  const float *panel;     ///< [block][tap][channel][16]
  size_t stream;          ///< floats of one block in the panel: taps * channels * 16
  const sk_block *blocks;
  uint32_t block_count;
  const float *bias;              ///< [block_count * 16]
  const float *_Nullable slope;   ///< [block_count * 16], or null for no activation function
  float *_Nullable output;        ///< [pixel][output_stride], unless codes are written
  uint32_t output_stride;
  const sk_codes *_Nullable codes;
} sk_float_convolution;

/// A convolution of 8-bit pixels with 8-bit weights.
///
/// The image is padded: whoever makes it writes the byte that stands for 0 around it, so that the kernel sees no
/// border. acc(pixel, c) = base[c] + sum of p * q over the window; base takes back what that zero byte adds. It is an
/// integer, the same in any order. As reals: v = fma(acc, scale[c], shift[c]), and v >= 0 ? v : slope[c] * v.
typedef struct sk_pixel_convolution {
  sk_window window;      ///< over the padded image: in_height is its rows, in_width is not used, paddings are 0
  const uint8_t *input;  ///< [N][in_height][row_bytes], and 4 bytes behind it that may be read
  uint32_t row_bytes;    ///< from one row of the padded image to the next
  uint32_t channels;     ///< bytes of a pixel
  uint32_t quads;        ///< steps of four bytes that a row of the window takes, rounded up
  const int8_t *panel;   ///< [block][kernel row][quad][16][4]: weights in -127...127, 0 behind the end of a row
  const sk_block *blocks;
  uint32_t block_count;
  const int32_t *base;             ///< [block_count * 16]
  const int32_t *weight_sums;      ///< [block_count * 16]: the sum of a channel's weights
  const float *_Nullable scale;    ///< [block_count * 16], for reals
  const float *_Nullable shift;    ///< [block_count * 16], for reals
  const float *_Nullable slope;    ///< [block_count * 16], or null for no activation function
  sk_output output;                ///< levels are of the plain sums of p * q, in one border class; `unit` is not used
} sk_pixel_convolution;

/// Max-pool of levels, followed by the code of what is left.
///
/// A level of the pooled pixel is reached if any pixel in the window reached it; channels whose bit in
/// `inverted` is set are pooled as their complement (the smallest level, for a falling function).
typedef struct sk_level_pool {
  sk_window window;
  const uint32_t *input;     ///< [N][in_height][in_width][levels][words]
  const uint32_t *inverted;  ///< [words]
  uint32_t words;
  uint32_t planes;           ///< of the output; levels = 2^planes - 1
  uint32_t *output;          ///< [pixel][planes][words]
} sk_level_pool;

#pragma clang assume_nonnull end
#endif
