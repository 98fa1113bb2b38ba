// SPDX-License-Identifier: Apache-2.0
//
// The products of a training step of two tables, on the same operands.
#ifndef SIGNET_TESTS_GRADIENT_KERNELS_H
#define SIGNET_TESTS_GRADIENT_KERNELS_H

#include <math.h>
#include "random_operands.h"

// What windows read along one side of an image, and the image itself.
static int32_t bordered(int32_t before, int32_t size, int32_t outputs, int32_t stride, int32_t kernel) {
  const int32_t read = (outputs - 1) * stride + kernel, all = before + size;
  return read > all ? read : all;
}

// Words as pack lays them out without tiles, for rows that are there.
static uint32_t *in_rows(const sk_gradients *table, sk_precision precision, const uint32_t *packed, size_t rows,
                         size_t filters) {
  const size_t step = precision == SK_PRECISION_INT8 ? 4 : precision == SK_PRECISION_BFLOAT16 ? 2 : 1;
  const size_t width = SK_GRADIENT_FILTERS, all = (filters + width - 1) / width * width;
  const size_t steps = (rows + 3) / 4 * 4 / step;
  const int has_tiles = table->has_tiles && precision != SK_PRECISION_FLOAT32;
  uint32_t *to = zeroed(all * steps, 4);
  for (size_t f = 0; f < all; ++f) {
    for (size_t s = 0; s < steps; ++s) {
      const size_t block = s / 16, chunk = block / SK_TILE_BLOCKS * SK_TILE_BLOCKS, left = (steps + 15) / 16 - chunk;
      const size_t tile = f / 16 * (left < SK_TILE_BLOCKS ? left : SK_TILE_BLOCKS) + block - chunk;
      to[f * steps + s] = has_tiles ? packed[chunk * all * 16 + (tile * 16 + f % 16) * 16 + s % 16]
                                    : packed[(f / width * steps + s) * width + f % width];
    }
  }
  return to;
}

static double largest(const float *values, size_t count) {
  double most = 0;
  for (size_t i = 0; i < count; ++i) most = fmax(most, fabs((double)values[i]));
  return most;
}

// Sums of products in any order: within 1e-6 of what the magnitudes of the terms can add up to. What is too small for a
// normal number counts as 0, as it does for instructions that multiply pairs.
static void expect_sums(const char *kernel, int same_bits, const float *found, const float *expected, size_t count,
                        double magnitude) {
  if (same_bits) {
    expect_equal(kernel, found, expected, count * 4);
    return;
  }
  compared += count * 4;
  add_to_digest(expected, count * 4);
  for (size_t i = 0; i < count; ++i) {
    if (fabs((double)found[i] - (double)expected[i]) <= 1e-6 * magnitude + 1e-30) continue;
    if (differing++ < 20) {
      printf("  %s: %g instead of %g, value %zu of %zu\n", kernel, (double)found[i], (double)expected[i], i, count);
    }
    return;
  }
}

// Both products in every precision, and the packing before them. An instruction that multiplies pairs of bfloat16, and
// sums that are looked up, may round otherwise: those are compared as numbers.
static void gradients_of(const sk_gradients *a, const sk_gradients *b) {
  const sk_gradients *tables[2] = {a, b};
  // Now and then what is looked up, over more rows than tables are kept of; 65 channels at most, since scalar kernels
  // have to do it as well.
  const int is_wide = below(8) == 0;
  const sk_window w = is_wide ? wide_window() : random_window(0);
  const uint32_t images = 1 + below(is_wide ? 2 : 3), planes = is_wide ? 1 : 1 + below(4);
  const uint32_t channels = is_wide ? sizes[below(11)] : random_size();
  const uint32_t filters = is_wide ? 32 + below(34) : random_size();
  const uint32_t count = (channels + 31) / 32;
  const size_t taps = (size_t)(w.kernel_height * w.kernel_width), depth = taps * channels;
  const size_t in_pixels = images * (size_t)(w.in_height * w.in_width);
  const size_t rows = images * (size_t)(w.out_height * w.out_width);
  const sk_precision precision = (sk_precision)(is_wide ? 1 + below(2) : below(3));
  const int same_bits = !(precision == SK_PRECISION_BFLOAT16 && b->has_bfloat16);
  const int of_reals = precision != SK_PRECISION_INT8 && below(2);
  float *dy = reals(rows * filters + 1), *x = reals(in_pixels * channels), levels[16];
  // Images with a border for what reads reals.
  const size_t row = channels * (size_t)bordered(w.pad_left, w.in_width, w.out_width, w.stride_width, w.kernel_width);
  const size_t tall = (size_t)bordered(w.pad_top, w.in_height, w.out_height, w.stride_height, w.kernel_height);
  const size_t element_bytes = precision == SK_PRECISION_FLOAT32 ? 4 : 2;
  const size_t slack = SK_IMAGE_SLACK * element_bytes, image_bytes = images * tall * row * element_bytes;
  const size_t run = (size_t)w.kernel_width * channels, steps = (run * element_bytes + 3) / 4;
  const size_t panel_bytes = (filters + 15) / 16 * (((size_t)w.kernel_height * steps + 15) / 16 * 16) * 64;
  const int turned = (int)below(2), biased = (int)below(2);
  float *weights = reals(filters * depth), *bias = reals(filters);
  char *padded[2];
  uint32_t *panels[2];
  float *y[2];
  uint32_t *bits = words(in_pixels * planes * count), *signs = words(filters * taps * count);
  uint32_t *mask = words(in_pixels * count), *zeros = zeroed(filters + 4, 4);
  // One plane is ±1, whose sums some kernels look up.
  for (int i = 0; i < 16; ++i) levels[i] = planes == 1 ? (float)(2 * i - 1) : (float)(2 * i - 15) / 8;
  const size_t packed = sk_packed_gradient_bytes(rows, filters, precision);
  const size_t word_rows = precision == SK_PRECISION_INT8 ? 4 : precision == SK_PRECISION_BFLOAT16 ? 2 : 1;
  const size_t all_words = (filters + SK_GRADIENT_FILTERS - 1) / SK_GRADIENT_FILTERS * SK_GRADIENT_FILTERS *
                           ((rows + 3) / 4 * 4 / word_rows);
  uint32_t *plain[2], *exact[2];
  void *scratch = aligned_alloc(64, (sk_gradient_scratch_bytes(filters, channels, taps) + 63) / 64 * 64);
  uint32_t *side[2];
  uint16_t *narrow[2];
  int8_t *bytes[2];
  float *scales[2], *dw[2], *dx[2], *maxima[2], *sums[2];
  int32_t *row_sums[2], *column_sums[2];
  for (int i = 0; i < 2; ++i) {
    side[i] = zeroed(packed, 1), narrow[i] = zeroed(rows * filters + 2, 2), bytes[i] = zeroed(rows * filters + 4, 1);
    scales[i] = zeroed(rows, 4), row_sums[i] = zeroed(rows, 4), column_sums[i] = zeroed(filters, 4);
    maxima[i] = zeroed(filters, 4), sums[i] = zeroed(filters, 4);
    dw[i] = zeroed(filters * depth, 4), dx[i] = zeroed(in_pixels * channels, 4);
    padded[i] = zeroed(image_bytes + 2 * slack, 1), panels[i] = zeroed(panel_bytes, 1);
    y[i] = zeroed(rows * filters, 4);
    const sk_images source = {.values = padded[i] + slack, .row = row, .image = tall * row, .channels = channels};
    tables[i]->round(dy, narrow[i], rows * filters);
    const int is_narrow = precision != SK_PRECISION_FLOAT32;
    const void *own = is_narrow ? (void *)narrow[i] : (void *)dy;
    sk_gradient_pack p = {.kind = is_narrow ? SK_PRECISION_BFLOAT16 : SK_PRECISION_FLOAT32,
                          .precision = precision,
                          .dy = own,
                          .stride = filters,
                          .rows = rows,
                          .filters = filters,
                          .key = 77,
                          .words = side[i],
                          .bytes = bytes[i],
                          .row_scales = scales[i],
                          .row_sums = row_sums[i]};
    float inverses[512], filter_scales[512];
    tables[i]->sums(&p, 0, rows, sums[i]);
    if (precision == SK_PRECISION_INT8) {
      tables[i]->maxima(&p, 0, rows, maxima[i]);
      for (uint32_t f = 0; f < filters; ++f) {
        const int is_small = maxima[i][f] < SK_GRADIENT_SMALLEST;
        inverses[f] = is_small ? 0 : SK_GRADIENT_LIMIT / maxima[i][f];
        filter_scales[f] = is_small ? 0 : maxima[i][f] / SK_GRADIENT_LIMIT;
      }
      p.column_inverses = inverses;
    }
    tables[i]->pack(&p, 0, rows, column_sums[i]);
    plain[i] = in_rows(tables[i], precision, side[i], rows, filters);
    // A copy without the room that tiles would take, so that a sanitizer sees a read behind the last row.
    exact[i] = zeroed(all_words, 4);
    if (!tables[i]->has_tiles) memcpy(exact[i], side[i], all_words * 4);
    const sk_weight_gradient g = {.window = w,
                                  .images = of_reals ? &source : 0,
                                  .bits = of_reals ? 0 : bits,
                                  .pixel_words = planes * count,
                                  .plane_words = count,
                                  .planes = planes,
                                  .channels = channels,
                                  .levels = of_reals ? 0 : levels,
                                  .quantum = planes == 1 ? 1 : 0.5f,
                                  .offset = planes == 1 ? 1 : 63,
                                  .dy = tables[i]->has_tiles ? side[i] : exact[i],
                                  .rows = rows,
                                  .filters = filters,
                                  .scales = filter_scales,
                                  .sums = column_sums[i],
                                  .dw = dw[i]};
    const size_t columns = of_reals ? (depth + 15) / 16 : taps * ((channels + 15) / 16);
    const size_t tiles = (filters + SK_GRADIENT_ROWS - 1) / SK_GRADIENT_ROWS;
    const size_t cut = below((uint32_t)columns + 1), half = below((uint32_t)tiles + 1);
    const sk_products *k = tables[i]->products + precision;
    if (of_reals) {
      const sk_padding padding = {.images = source,
                                  .to = padded[i] + slack,
                                  .top = (size_t)w.pad_top,
                                  .left = (size_t)w.pad_left,
                                  .height = (size_t)w.in_height,
                                  .width = (size_t)w.in_width,
                                  .kind = SK_PRECISION_FLOAT32,
                                  .from = x,
                                  .pixel_stride = channels};
      const size_t some = below(images + 1);
      k->pad_images(&padding, 0, some);
      k->pad_images(&padding, some, images);
      const sk_convolution_weights shape = {.values = weights,
                                            .filters = filters,
                                            .kernel_height = (size_t)w.kernel_height,
                                            .kernel_width = (size_t)w.kernel_width,
                                            .channels = channels,
                                            .filter_stride = depth,
                                            .tap_stride = channels,
                                            .channel_stride = 1,
                                            .turned = turned};
      const size_t panel_columns = (filters + 15) / 16, first = below((uint32_t)panel_columns + 1);
      k->convolution_panel(&shape, 0, first, panels[i]);
      k->convolution_panel(&shape, first, panel_columns, panels[i]);
      const sk_convolution c = {.window = w,
                                .images = source,
                                .panel = panels[i],
                                .bias = biased ? bias : 0,
                                .filters = filters,
                                .y = y[i],
                                .pixel_stride = filters};
      const size_t mid = below((uint32_t)rows + 1);
      void *own_scratch = aligned_alloc(64, sk_convolution_scratch_bytes(channels, taps));
      k->convolution(&c, 0, mid, own_scratch);
      k->convolution(&c, mid, rows, own_scratch);
      free(own_scratch);
    }
    k->weight_gradient(&g, 0, cut, 0, tiles, scratch);
    k->weight_gradient(&g, cut, columns, 0, half, scratch);
    k->weight_gradient(&g, cut, columns, half, tiles, scratch);
    const size_t element = precision == SK_PRECISION_INT8 ? 1 : is_narrow ? 2 : 4;
    sk_input_gradient in = {.window = w,
                                  .dy = element == 1 ? (void *)bytes[i] : own,
                                  .row_bytes = filters * element,
                                  .zeros = zeros,
                                  .scales = scales[i],
                                  .sums = row_sums[i],
                                  .weights = signs,
                                  .words = count,
                                  .channels = channels,
                                  .filters = filters,
                                  .mask = mask,
                                  .mask_words = count,
                                  .dx = dx[i],
                                  .pixel_stride = channels};
    const size_t panel_size = k->input_panel_bytes ? k->input_panel_bytes(&in) : 0;
    void *input_panel = panel_size ? aligned_alloc(64, panel_size) : 0;
    const size_t some_taps = below((uint32_t)taps + 1);
    if (input_panel) {
      k->input_panel(&in, 0, some_taps, input_panel);
      k->input_panel(&in, some_taps, taps, input_panel);
      in.panel = input_panel;
    }
    const size_t middle = below((uint32_t)in_pixels + 1);
    k->input_gradient(&in, 0, middle, scratch);
    k->input_gradient(&in, middle, in_pixels, scratch);
    free(input_panel);
  }
  expect_equal("round", narrow[1], narrow[0], rows * filters * 2);
  expect_equal("sums of a gradient", sums[1], sums[0], filters * 4);
  expect_equal("pack", plain[1], plain[0], all_words * 4);
  expect_equal("pack's rows", bytes[1], bytes[0], rows * filters);
  expect_equal("pack's row scales", scales[1], scales[0], rows * 4);
  expect_equal("pack's row sums", row_sums[1], row_sums[0], rows * 4);
  expect_equal("pack's filter sums", column_sums[1], column_sums[0], filters * 4);
  const double most_dy = largest(dy, rows * filters), most_x = of_reals ? largest(x, in_pixels * channels) : 4;
  expect_sums("weight_gradient", same_bits, dw[1], dw[0], filters * depth, (double)rows * most_dy * most_x);
  expect_sums("input_gradient", same_bits, dx[1], dx[0], in_pixels * channels, (double)(taps * filters) * most_dy);
  expect_equal("pad_images", padded[1], padded[0], image_bytes + 2 * slack);
  const double most_weight = largest(weights, filters * depth);
  expect_sums("convolution of reals", same_bits, y[1], y[0], rows * filters, (double)depth * most_weight * most_x + 1);
  for (int i = 0; i < 2; ++i) {
    free(plain[i]), free(exact[i]), free(side[i]), free(narrow[i]), free(bytes[i]), free(scales[i]);
    free(row_sums[i]), free(column_sums[i]);
    free(maxima[i]), free(sums[i]), free(dw[i]), free(dx[i]), free(padded[i]), free(panels[i]), free(y[i]);
  }
  free(weights), free(bias), free(dy), free(x), free(bits), free(signs), free(mask), free(zeros), free(scratch);
}

// Every table that this machine has for the instruction set, on the same operands; the digest is that of one of them.
static void gradients(const sk_kernels *a, const sk_kernels *b) {
  const uint64_t seed = state, before = digest;
  const sk_gradients *table;
  for (size_t index = 0; (table = sk_gradients_at(b->isa, index)); ++index) {
    state = seed, digest = before;
    gradients_of(sk_gradients_for(a->isa), table);
  }
}

#endif
