// SPDX-License-Identifier: Apache-2.0
//
// What the kernels of a training step work on, but for the products of its backward pass.
#ifndef SIGNET_SK_TRAINING_H
#define SIGNET_SK_TRAINING_H

#include "sk_operands.h"

#pragma clang assume_nonnull begin

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

#pragma clang assume_nonnull end
#endif
