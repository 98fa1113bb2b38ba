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

#include "sk_gradients.h"
#include "sk_inference.h"
#include "sk_training.h"

// In all headers, what is not marked is a pointer that must not be null.
#pragma clang assume_nonnull begin

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

/// The kernels of an instruction set, or null if this build or this machine doesn't have it.
const sk_kernels *_Nullable sk_kernels_for(sk_isa isa);

/// Whether the kernels were compiled with optimisation: a debug build's times say nothing.
bool sk_is_optimized(void);

#pragma clang assume_nonnull end
#endif
