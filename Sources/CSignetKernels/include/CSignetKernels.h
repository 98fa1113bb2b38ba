// SPDX-License-Identifier: Apache-2.0
//
// Kernels of Signet: bits and floats in, numbers out. The caller owns all memory and all threads.
//
// Bit 1 is +1, bit 0 is -1. A pixel's channels are packed into 32-bit words, low bit first. Bits past the
// last channel are 0 in both operands, so dot = K - 2*popcount(a ^ b), with K the true count, needs no mask.
//
// Images are NHWC. Every kernel works on a range of pixels or rows, so that a caller can split the work; the
// result never depends on how it was split, nor on the ISA: floats are combined with fused multiply-adds in
// one fixed order, 16 lanes at a time, whatever the width of the machine's registers.
#ifndef SIGNET_KERNELS_H
#define SIGNET_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What is not marked is a pointer that must not be null.
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

/// Max-pool of reals; taps outside the image are left out.
typedef struct sk_float_pool {
  sk_window window;
  const float *input;  ///< [N][in_height][in_width][channels]
  uint32_t channels;
  float *output;       ///< [pixel][channels]
} sk_float_pool;

/// Max-pool of values in training; taps outside the image are left out.
typedef struct sk_value_pool {
  sk_window window;
  sk_values input;  ///< [N][in_height][in_width]
  void *output;     ///< [pixel][channels], the input's type: what the greatest value was computed from
  uint8_t *chosen;  ///< [pixel][channels]: the tap of the greatest value (the first one of equals)
} sk_value_pool;

/// The gradient of a max-pool's input: the sum of those whose window chose the pixel.
typedef struct sk_pool_gradient {
  sk_window window;
  uint32_t channels;
  sk_precision kind;  ///< of both: float32 or bfloat16
  const uint8_t *chosen;
  const void *dy;     ///< [output pixel][channels]
  void *dx;           ///< [input pixel][channels]
} sk_pool_gradient;

/// The gradient of a batch normalisation's input, through the activation function before it.
///
/// g = gain * dz + tilt * (x - mean) + offset by channel; dx = x > 0 ? g : slope * g.
typedef struct sk_norm_gradient {
  sk_values input;
  sk_precision dz_kind;  ///< float32 or bfloat16
  const void *dz;        ///< [row][channels]
  const float *mean;
  const float *gain;
  const float *tilt;
  const float *offset;
  sk_precision kind;  ///< of the output: float32 or bfloat16
  void *output;       ///< [row][channels]; may be dz, if both are of one kind
} sk_norm_gradient;

/// Writes the operands of a convolution's gradient as a matrix of patches, one row an output pixel.
typedef struct sk_patches {
  sk_window window;
  const float *_Nullable reals;    ///< [N][in_height][in_width][pixel_stride], at the group's first channel
  const uint32_t *_Nullable bits;  ///< the same in bits, planes as in sk_binary_convolution; used if reals is null
  uint32_t pixel_stride;           ///< floats or words from one pixel to the next
  uint32_t plane_words;
  uint32_t planes;
  uint32_t channels;               ///< of the group
  const float *_Nullable betas;    ///< [planes]: value of a bit in each plane
} sk_patches;

/// Adds patches back onto the image they came from: the gradient of a convolution's input.
typedef struct sk_unpatch {
  sk_window window;
  const float *patches;   ///< [output pixel of the images][taps * channels]
  uint32_t channels;      ///< of the group
  float *output;          ///< [N][in_height][in_width][pixel_stride], at the group's first channel
  uint32_t pixel_stride;
} sk_unpatch;

/// One step of Adam with decoupled clipping and the bipolar or L2 term.
typedef struct sk_adam {
  float step_size;      ///< learning rate / (1 - beta1^t)
  float beta1, beta2;
  float second_correction;  ///< 1 / sqrt(1 - beta2^t)
  float epsilon;
  float decay;          ///< added to the gradient: decay * weight (negative for the bipolar regulariser)
  float clip;           ///< weights are kept in [-clip, clip]; infinite for none
} sk_adam;

/// Filters of a tile of a weight gradient, or pixels of one of an input gradient.
#define SK_GRADIENT_ROWS 6
/// Filters that lie side by side in a packed gradient.
#define SK_GRADIENT_FILTERS 48
#define SK_GRADIENT_TILES (SK_GRADIENT_FILTERS / SK_GRADIENT_ROWS)
/// Steps along the reduction for which bits are expanded at a time: 1, 2 or 4 rows each.
#define SK_GRADIENT_STEPS 96
/// Bytes of sums that a pass over the rows keeps for the weights' gradient: a part of the second-level cache.
#define SK_GRADIENT_SUM_BYTES 393216
/// The greatest magnitude of a gradient in bytes; below 127, so that rounding up never reaches 128.
#define SK_GRADIENT_LIMIT 126.999f
/// A row or filter whose greatest magnitude is below this counts as 0 in bytes: its inverse might be infinite.
#define SK_GRADIENT_SMALLEST 1e-30f
/// Steps along the filters for which an input gradient's weights are expanded at a time.
#define SK_GRADIENT_DEPTH 256
/// Pixels of an input gradient that share a tap's expanded weights.
#define SK_GRADIENT_PIXELS 192

/// The gradient of a layer's result, [rows][stride], and its packed forms.
///
/// Bytes are rounded at random so that they are right on average; the random bits follow from key, row and filter.
typedef struct sk_gradient_pack {
  sk_precision kind;       ///< of dy: float32 or bfloat16
  sk_precision precision;  ///< of what is packed
  const void *dy;          ///< at the group's first filter
  size_t stride;           ///< elements from one row to the next
  size_t rows;
  size_t filters;          ///< of the group
  uint64_t key;
  const float *_Nullable column_inverses;  ///< int8: [filters], SK_GRADIENT_LIMIT / greatest |dy|, or 0
  uint32_t *words;                ///< [blocks of SK_GRADIENT_FILTERS][rows rounded up to 4, / step][SK_GRADIENT_FILTERS]
  int8_t *_Nullable bytes;        ///< int8: [rows][filters]
  float *_Nullable row_scales;    ///< int8: what 1 stands for in each row; gradient_maxima writes it, pack reads it
  int32_t *_Nullable row_sums;    ///< int8
} sk_gradient_pack;

/// Elements before and behind padded images that may be read; those behind must be finite.
#define SK_IMAGE_SLACK 32

/// Images of reals with a border of zeros, in float32 or bfloat16; see gradient/images.h.
typedef struct sk_images {
  const void *values;  ///< [N][rows][row]
  size_t row;          ///< elements from one row to the next
  size_t image;        ///< elements from one image to the next
  uint32_t channels;
} sk_images;

/// What padded images are made from.
typedef struct sk_padding {
  sk_images images;
  void *to;               ///< images.values
  size_t top, left;       ///< pixels of the border
  size_t height, width;   ///< of the source
  sk_precision kind;      ///< of the source: float32 or bfloat16
  const void *from;       ///< [N][height][width][pixel_stride], at the group's first channel
  size_t pixel_stride;
} sk_padding;

/// The weights of a convolution, wherever they lie.
typedef struct sk_convolution_weights {
  const float *values;
  size_t filters, kernel_height, kernel_width, channels;
  size_t filter_stride, tap_stride, channel_stride;
  bool turned;  ///< taps from the last to the first: the convolution of an input gradient
} sk_convolution_weights;

/// A convolution of padded images in a precision of training; see gradient/convolution.h.
typedef struct sk_convolution {
  sk_window window;       ///< its padding is the images' border
  sk_images images;
  const uint32_t *panel;
  const float *_Nullable bias;  ///< [filters]
  uint32_t filters;       ///< of the group
  sk_precision kind;      ///< of y: float32 or bfloat16
  void *y;                ///< [output pixel][pixel_stride], at the group's first filter
  size_t pixel_stride;
} sk_convolution;

/// The gradient of weights; see gradient/weight_gradient.h. The input is codes, or images of reals where there are such.
typedef struct sk_weight_gradient {
  sk_window window;
  const sk_images *_Nullable images;  ///< in the precision's element; not for int8
  const uint32_t *_Nullable bits;     ///< codes as in sk_binary_convolution
  uint32_t pixel_words;               ///< words from one pixel to the next
  uint32_t plane_words;
  uint32_t planes;
  uint32_t channels;     ///< of the group
  const float *levels;   ///< [2^planes]: the value of each code; not used for reals
  float quantum;         ///< int8: what 1 stands for in rounded levels
  int32_t offset;        ///< int8: greatest rounded level, at most 63
  const uint32_t *dy;    ///< packed
  size_t rows;           ///< output pixels of the whole batch
  uint32_t filters;      ///< of the group
  const float *_Nullable scales;  ///< int8: [filters], what 1 stands for in dy
  const int32_t *_Nullable sums;  ///< int8: [filters], sums of dy
  float *dw;             ///< [filters][taps][channels]
} sk_weight_gradient;

/// The gradient of a binary layer's normalised input; see gradient/input_gradient.h.
typedef struct sk_input_gradient {
  sk_window window;
  const void *dy;       ///< [output pixel], at the group's first filter
  size_t row_bytes;
  const void *zeros;    ///< a row of 0
  const float *_Nullable scales;  ///< int8: [output pixel]
  const int32_t *_Nullable sums;  ///< int8: [output pixel]
  const uint32_t *weights;  ///< signs, [filters][taps][words]
  uint32_t words;
  uint32_t channels;    ///< of the group
  uint32_t filters;     ///< of the group
  const uint32_t *mask; ///< [input pixel][mask_words], at the group's first word: where the gradient passes
  uint32_t mask_words;
  sk_precision kind;    ///< of dx: float32 or bfloat16
  void *dx;             ///< [input pixel][pixel_stride], at the group's first channel
  uint32_t pixel_stride;
} sk_input_gradient;

/// Kinds of instruction sets that kernels are written for.
typedef enum __attribute__((enum_extensibility(closed))) sk_isa {
  SK_ISA_SCALAR __attribute__((swift_name("scalar"))) = 0,
  SK_ISA_AVX2 __attribute__((swift_name("avx2"))) = 1,
  SK_ISA_AVX512 __attribute__((swift_name("avx512"))) = 2,
  SK_ISA_NEON __attribute__((swift_name("neon"))) = 3
} sk_isa;

/// The kernels of one instruction set.
typedef struct sk_kernels {
  sk_isa isa;
  /// Lays weight words [block][depth][16] out for binary_convolution; `blocks` is even, depth = taps * words.
  void (*arrange_panel)(const uint32_t *words, uint32_t *panel, size_t blocks, size_t depth);
  /// Lays start and width [pair of blocks][32] out in 16 bits, 64 a pair; null where the kernel doesn't want them.
  void (*_Nullable arrange_shorts)(const uint32_t *start, const uint32_t *width, uint16_t *shorts, size_t pairs);
  /// Output pixels [begin, end) of the whole batch, blocks [first_block, end_block), the first one even; `scratch`
  /// holds max(SK_SCRATCH_POINTERS, taps * SK_MAX_ROWS) pointers.
  void (*binary_convolution)(const sk_binary_convolution *, size_t begin, size_t end, size_t first_block,
                             size_t end_block, const void *_Nullable *_Nonnull scratch);
  void (*float_convolution)(const sk_float_convolution *, size_t begin, size_t end, size_t first_block,
                            size_t end_block, const void *_Nullable *_Nonnull scratch);
  /// Output pixels [begin, end) of the whole batch, blocks [first_block, end_block).
  void (*pixel_convolution)(const sk_pixel_convolution *, size_t begin, size_t end, size_t first_block,
                            size_t end_block);
  /// Rows [begin, end).
  void (*encode)(const sk_encode *, size_t begin, size_t end);
  void (*level_pool)(const sk_level_pool *, size_t begin, size_t end);
  void (*float_pool)(const sk_float_pool *, size_t begin, size_t end);
  /// y = fma(scale[c], x, shift[c]) on `rows` rows.
  void (*affine)(const float *x, const float *scale, const float *shift, float *y, size_t rows, size_t channels);
  /// y = x >= 0 ? x : slope[c] * x.
  void (*prelu)(const float *x, const float *slope, float *y, size_t rows, size_t channels);
  /// out[c] = sum over rows of x, in order.
  void (*column_sums)(const float *x, float *out, size_t rows, size_t channels);

  // Training.
  // Of rows or pixels [begin, end).
  /// sum[c] and square[c] of the values less pivot[c].
  void (*moments)(const sk_values *, const float *pivot, float *sum, float *square, size_t begin, size_t end);
  /// The sum of |residual| after `planes` planes of z = fma(scale, value, shift).
  float (*residual_magnitude)(const sk_values *, const float *scale, const float *shift, const float *betas,
                              size_t planes, size_t begin, size_t end);
  /// y = the values.
  void (*plain_values)(const sk_values *, float *y, size_t begin, size_t end);
  void (*value_pool)(const sk_value_pool *, size_t begin, size_t end);
  void (*value_pool_backward)(const sk_pool_gradient *, size_t begin, size_t end);
  /// sum[c] = sum of dz, product[c] = sum of dz * (value - mean[c]).
  void (*norm_gradient_sums)(const sk_values *, const void *dz, sk_precision dz_kind, const float *mean, float *sum,
                             float *product, size_t begin, size_t end);
  /// slope_gradient[c] = sum of (x > 0 ? 0 : x * g); not written without an activation function.
  void (*norm_gradient)(const sk_norm_gradient *, size_t begin, size_t end, float *slope_gradient);
  /// dx = x > 0 ? dy : slope * dy; adds sum over rows of (x > 0 ? 0 : x * dy) to slope_gradient.
  void (*prelu_backward)(const float *x, const float *slope, const float *dy, float *dx, float *slope_gradient,
                         size_t rows, size_t channels);
  /// Rows [begin, end) of the patch matrix, counted over the whole batch.
  void (*patches)(const sk_patches *, size_t begin, size_t end, float *output);
  /// Images [begin, end); patches start at the first of them.
  void (*unpatch)(const sk_unpatch *, size_t begin, size_t end);
  /// Updates weights; returns how many signs changed.
  size_t (*adam)(const sk_adam *, float *weights, const float *gradient, float *first, float *second, size_t count);

  // Peaks: run the core instruction mix on registers, `rounds` times; return the multiply-adds done.
  double (*peak_binary)(size_t rounds);
  double (*peak_float)(size_t rounds);
  double (*peak_bytes)(size_t rounds);
} sk_kernels;

/// The products of a training step in one precision.
typedef struct sk_products {
  /// Columns [first, end) of dW, 16 channels of a tap each (of reals: 16 places of the patch), tiles of SK_GRADIENT_ROWS filters [first_tile, end_tile).
  void (*weight_gradient)(const sk_weight_gradient *, size_t first_column, size_t end_column, size_t first_tile,
                          size_t end_tile, void *scratch);
  /// Input pixels [begin, end) of the whole batch.
  void (*input_gradient)(const sk_input_gradient *, size_t begin, size_t end, void *scratch);
  // With real weights; not for int8.
  /// Images [begin, end).
  void (*_Nullable pad_images)(const sk_padding *, size_t begin, size_t end);
  /// Columns [begin, end) of 16 filters of the panel, [columns][kernel_height][steps][16] words in all.
  void (*_Nullable convolution_panel)(const sk_convolution_weights *, size_t begin, size_t end, uint32_t *panel);
  /// Output pixels [begin, end) of the whole batch.
  void (*_Nullable convolution)(const sk_convolution *, size_t begin, size_t end);
  /// Runs the core instruction mix on registers, `rounds` times; returns the multiply-adds done.
  double (*peak)(size_t rounds);
} sk_products;

/// The training kernels of one instruction set and what it has beyond it.
typedef struct sk_gradients {
  /// By sk_precision.
  sk_products products[3];
  /// Rows [begin, end), begin a multiple of 4, end too unless it is the last; sums of bytes go to column_sums.
  void (*pack)(const sk_gradient_pack *, size_t begin, size_t end, int32_t *_Nullable column_sums);
  /// For bytes, before pack: maxima[f] = greatest |dy| of rows [begin, end), and the scale of each row.
  void (*maxima)(const sk_gradient_pack *, size_t begin, size_t end, float *maxima);
  /// sums[f] = sum of dy over rows [begin, end), in order.
  void (*sums)(const sk_gradient_pack *, size_t begin, size_t end, float *sums);
  /// Rounds to bfloat16, to nearest, ties to even.
  void (*round)(const float *from, uint16_t *to, size_t count);
  /// bfloat16 to floats.
  void (*widen)(const uint16_t *from, float *to, size_t count);
  /// Whether bfloat16 products are faster than those of floats here.
  bool has_bfloat16;
} sk_gradients;

/// Bytes of scratch that a thread needs for the products of a layer with so many filters; aligned to 64.
size_t sk_gradient_scratch_bytes(size_t filters);

/// The training kernels that go with an instruction set, or null if this build or this machine doesn't have it.
const sk_gradients *_Nullable sk_gradients_for(sk_isa isa);

/// The kernels of an instruction set, or null if this build or this machine doesn't have it.
const sk_kernels *_Nullable sk_kernels_for(sk_isa isa);

/// Whether the kernels were compiled with optimisation: a debug build's times say nothing.
bool sk_is_optimized(void);

#pragma clang assume_nonnull end
#endif
