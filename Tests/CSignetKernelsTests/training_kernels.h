// SPDX-License-Identifier: Apache-2.0
//
// The kernels of a training step that are no products, of two tables, on the same operands.
#ifndef SIGNET_TESTS_TRAINING_KERNELS_H
#define SIGNET_TESTS_TRAINING_KERNELS_H

#include "random_operands.h"

static void patches(const sk_kernels *a, const sk_kernels *b) {
  const sk_window w = random_window(0);
  const uint32_t images = 1 + below(3), channels = random_size();
  const size_t taps = (size_t)(w.kernel_height * w.kernel_width);
  const size_t in_pixels = images * (size_t)(w.in_height * w.in_width);
  const size_t rows = images * (size_t)(w.out_height * w.out_width);
  const float betas[4] = {1, 0.5f, 0.3f, 0.125f};
  sk_patches p = {.window = w, .planes = 1 + below(4), .channels = channels, .betas = betas};
  p.plane_words = (channels + 31) / 32;
  const int of_bits = (int)below(2);
  p.pixel_stride = of_bits ? p.plane_words * p.planes : channels + below(3);
  float *input = reals(in_pixels * p.pixel_stride);
  uint32_t *bits = words(in_pixels * p.pixel_stride);
  p.reals = of_bits ? 0 : input;
  p.bits = bits;
  sk_unpatch u = {.window = w, .channels = channels};
  u.pixel_stride = channels + below(3);
  float *gradient = reals(rows * taps * channels);
  u.patches = gradient;
  float *results[2], *images_back[2];
  for (int i = 0; i < 2; ++i) {
    results[i] = zeroed(rows * taps * channels, 4);
    images_back[i] = zeroed(in_pixels * u.pixel_stride, 4);
    u.output = images_back[i];
    (i ? b : a)->patches(&p, 0, rows, results[i]);
    (i ? b : a)->unpatch(&u, 0, images);
  }
  expect_equal("patches", results[1], results[0], rows * taps * channels * 4);
  expect_equal("unpatch", images_back[1], images_back[0], in_pixels * u.pixel_stride * 4);
  for (int i = 0; i < 2; ++i) free(results[i]), free(images_back[i]);
  free(input), free(bits), free(gradient);
}

static void elementwise(const sk_kernels *a, const sk_kernels *b) {
  const size_t channels = random_size(), rows = 1 + below(30), count = rows * channels, bytes = count * 4;
  float *x = reals(count), *dy = reals(count), *scale = reals(channels), *shift = reals(channels);
  float *mean = reals(channels);
  float *whole[2], *columns[2], *more[2];
  for (int i = 0; i < 2; ++i) {
    whole[i] = zeroed(count, 4);
    columns[i] = zeroed(channels, 4);
    more[i] = zeroed(channels, 4);
  }
  const sk_kernels *k[2] = {a, b};
  for (int i = 0; i < 2; ++i) k[i]->affine(x, scale, shift, whole[i], rows, channels);
  expect_equal("affine", whole[1], whole[0], bytes);
  for (int i = 0; i < 2; ++i) k[i]->prelu(x, scale, whole[i], rows, channels);
  expect_equal("prelu", whole[1], whole[0], bytes);
  for (int i = 0; i < 2; ++i) k[i]->prelu_backward(x, scale, dy, whole[i], columns[i], rows, channels);
  expect_equal("prelu_backward", whole[1], whole[0], bytes);
  expect_equal("prelu_backward's slope", columns[1], columns[0], channels * 4);
  for (int i = 0; i < 2; ++i) k[i]->column_sums(x, columns[i], rows, channels);
  expect_equal("column_sums", columns[1], columns[0], channels * 4);
  int16_t *shorts = zeroed(count, 2);
  for (size_t i = 0; i < count; ++i) shorts[i] = (int16_t)((int32_t)below(65536) - 32768);
  const bool are_short = below(2);
  const sk_values v = {.data = are_short ? (void *)shorts : (void *)x,
                       .shorts = are_short,
                       .channels = (uint32_t)channels,
                       .slope = below(2) ? scale : 0};
  for (int i = 0; i < 2; ++i) k[i]->plain_values(&v, whole[i], 0, rows);
  expect_equal("plain_values", whole[1], whole[0], bytes);
  for (int i = 0; i < 2; ++i) k[i]->moments(&v, mean, columns[i], more[i], 0, rows);
  expect_equal("moments", columns[1], columns[0], channels * 4);
  expect_equal("moments' squares", more[1], more[0], channels * 4);
  const sk_precision kind = below(2) ? SK_PRECISION_FLOAT32 : SK_PRECISION_BFLOAT16;
  uint16_t *narrow = zeroed(count, 2);
  for (size_t i = 0; i < count; ++i) memcpy(narrow + i, (uint16_t *)(dy + i) + 1, 2);
  const void *dz = kind == SK_PRECISION_FLOAT32 ? (void *)dy : (void *)narrow;
  for (int i = 0; i < 2; ++i) k[i]->norm_gradient_sums(&v, dz, kind, mean, columns[i], more[i], 0, rows);
  expect_equal("norm_gradient_sums", columns[1], columns[0], channels * 4);
  expect_equal("norm_gradient_sums' products", more[1], more[0], channels * 4);
  sk_norm_gradient n = {
      .input = v, .dz_kind = kind, .dz = dz, .mean = mean, .gain = scale, .tilt = shift, .offset = mean};
  n.kind = below(2) ? SK_PRECISION_FLOAT32 : SK_PRECISION_BFLOAT16;
  for (int i = 0; i < 2; ++i) {
    n.output = whole[i];
    k[i]->norm_gradient(&n, 0, rows, columns[i]);
  }
  expect_equal("norm_gradient", whole[1], whole[0], bytes);
  expect_equal("norm_gradient's slopes", columns[1], columns[0], channels * 4);
  free(shorts), free(narrow);
  for (int i = 0; i < 2; ++i) free(whole[i]), free(columns[i]), free(more[i]);
  free(x), free(dy), free(scale), free(shift), free(mean);
}

static void adam(const sk_kernels *a, const sk_kernels *b) {
  const size_t count = random_size() + below(3);
  const sk_adam step = {.step_size = 0.01f + 0.1f * (float)below(9),
                        .beta1 = 0.9f,
                        .beta2 = 0.999f,
                        .second_correction = 31.6f,
                        .epsilon = 1e-8f,
                        .decay = ((float)below(3) - 1) * 5e-4f,
                        .clip = below(2) ? 1.0f : __builtin_inff()};
  float *gradient = reals(count), *weights[2], *first[2], *second[2];
  size_t changed[2];
  weights[0] = reals(count), first[0] = reals(count), second[0] = reals(count);
  for (size_t i = 0; i < count; ++i) second[0][i] = __builtin_fabsf(second[0][i]);
  weights[1] = zeroed(count, 4), first[1] = zeroed(count, 4), second[1] = zeroed(count, 4);
  memcpy(weights[1], weights[0], count * 4);
  memcpy(first[1], first[0], count * 4);
  memcpy(second[1], second[0], count * 4);
  for (int i = 0; i < 2; ++i) changed[i] = (i ? b : a)->adam(&step, weights[i], gradient, first[i], second[i], count);
  expect_equal("adam's weights", weights[1], weights[0], count * 4);
  expect_equal("adam's first moments", first[1], first[0], count * 4);
  expect_equal("adam's second moments", second[1], second[0], count * 4);
  expect_equal("adam's count of signs", &changed[1], &changed[0], sizeof(size_t));
  for (int i = 0; i < 2; ++i) free(weights[i]), free(first[i]), free(second[i]);
  free(gradient);
}

#endif
