// SPDX-License-Identifier: Apache-2.0
//
// The engine's kernels of two tables, on the same operands.
#ifndef SIGNET_TESTS_ENGINE_KERNELS_H
#define SIGNET_TESTS_ENGINE_KERNELS_H

#include "random_operands.h"

static void binary_convolution(const sk_kernels *a, const sk_kernels *b) {
  // A few are deeper than 16 bits count.
  const int deep = below(25) == 0;
  // Others are as deep as intervals of 16 bits reach, with sums and intervals up to both ends.
  const int in_shorts = !deep && below(12) == 0;
  const sk_window pixelwise = {2, 3, 2, 3, 1, 1, 1, 1, 0, 0}, padded = {3, 4, 4, 4, 2, 3, 1, 1, 1, 1};
  const sk_window w = deep ? pixelwise : !in_shorts ? random_window(0) : below(2) ? pixelwise : padded;
  const uint32_t images = 1 + below(3);
  const uint32_t planes = in_shorts ? 1 : 1 + below(4), out_planes = in_shorts ? 1 : 1 + below(4);
  const size_t taps = (size_t)(w.kernel_height * w.kernel_width);
  const uint32_t short_depth = (175 + below(337)) / (uint32_t)taps;
  const uint32_t depth = deep ? 2040 + below(30) : in_shorts ? short_depth : (random_size() + 31) / 32;
  const uint32_t filters = random_size();
  const size_t pixels = images * (size_t)(w.out_height * w.out_width);
  const int32_t weights[4] = {planes == 1 ? 1 : 7, 4, 2, 1};
  sk_block blocks[16];
  sk_binary_convolution c = {.window = w, .planes = planes, .words = depth, .plane_weights = weights};
  c.plane_words = depth + below(2);
  c.pixel_words = c.plane_words * planes + below(2);
  const uint32_t kind = in_shorts ? SK_OUTPUT_CODES + below(2) : below(4);
  c.block_count = make_blocks(blocks, filters, kind >= SK_OUTPUT_CODES);
  c.blocks = blocks;
  const size_t lanes = (size_t)c.block_count * 16, levels = ((size_t)1 << out_planes) - 1;
  uint32_t *input = words((size_t)images * (size_t)(w.in_height * w.in_width) * c.pixel_words);
  const size_t even_blocks = (c.block_count + 1) / 2 * 2, panel_words = even_blocks * taps * depth * 16;
  uint32_t *plain = words(panel_words), *panel = zeroed(panel_words, 4);
  uint32_t *zeros = zeroed((size_t)w.kernel_width * c.pixel_words, 4);
  uint16_t *rows = zeroed((size_t)w.out_height, 2), *columns = zeroed((size_t)w.out_width, 2);
  for (int32_t y = 0; y < w.out_height; ++y) rows[y] = (uint16_t)below(2);
  for (int32_t x = 0; x < w.out_width; ++x) columns[x] = (uint16_t)below(3);
  int32_t *base = zeroed(6 * lanes, 4);
  uint32_t *start = zeroed(6 * levels * lanes, 4), *width = zeroed(6 * levels * lanes, 4);
  for (size_t i = 0; i < 6 * lanes; ++i) base[i] = (int32_t)below(2000) - 500;
  uint16_t *shorts = zeroed(12 * levels * lanes, 2);
  const uint32_t depth_bits = (uint32_t)(taps * depth * 32) * (planes == 1 ? 1 : 7);
  for (size_t i = 0; i < 6 * levels * lanes; ++i) {
    start[i] = 0u - depth_bits / 2 + below(depth_bits / 4 + 1);
    // A third of the intervals are cyclic.
    width[i] = below(3) ? below(depth_bits / 2) : 0u - below(depth_bits / 2);
    if (!in_shorts) continue;
    start[i] = depth_bits / 2 - below(2 * depth_bits + 1);
    width[i] = below(3) ? below(depth_bits + 2) : 0u - below(depth_bits + 2);
    // The set of all sums.
    if (below(16) == 0) start[i] = 0, width[i] = UINT32_MAX;
  }
  if (in_shorts) {
    const size_t in_words = (size_t)images * (size_t)(w.in_height * w.in_width) * c.pixel_words;
    const size_t run = taps * depth * 16;
    // No bit, or every bit, differs in some pixels and blocks.
    if (below(2)) memset(input, 255 * (int)below(2), in_words * 4);
    for (size_t block = 0; block < even_blocks; ++block) {
      if (below(2)) memset(plain + block * run, 255 * (int)below(2), run * 4);
    }
  }
  c.input = input;
  c.panel = panel;
  c.stream = taps * depth * 16;
  c.zeros = zeros;
  c.row_class = rows;
  c.column_class = columns;
  c.column_classes = 3;
  c.base = base;
  c.output = (sk_output){
      .kind = (sk_output_kind)kind, .planes = out_planes, .unit = 0.125f, .start = start, .width = width};
  const size_t output_planes = kind == SK_OUTPUT_CODES ? out_planes : levels;
  c.output.plane_stride = c.block_count;
  c.output.pixel_stride = kind >= SK_OUTPUT_CODES ? (uint32_t)(c.block_count * output_planes) : filters + below(3);
  const size_t bytes = pixels * c.output.pixel_stride * (kind >= SK_OUTPUT_CODES ? 2 : 4);
  const void **scratch = zeroed(SK_SCRATCH_POINTERS + taps * SK_MAX_ROWS, sizeof(void *));
  void *results[2];
  for (int i = 0; i < 2; ++i) {
    results[i] = zeroed(bytes, 1);
    memset(results[i], 0xA5, bytes);
    c.output.data = results[i];
    // Four parts, cut at other places for each table: the cuts must not matter.
    const size_t cut = below((uint32_t)pixels + 1), half = below(c.block_count / 2 + 1) * 2;
    (i ? b : a)->arrange_panel(plain, panel, even_blocks, taps * depth);
    c.output.shorts = 0;
    if ((i ? b : a)->arrange_shorts && planes == 1 && out_planes == 1 && kind >= SK_OUTPUT_CODES &&
        depth_bits < 16384) {
      b->arrange_shorts(start, width, shorts, 6 * lanes / 32);
      c.output.shorts = shorts;
    }
    (i ? b : a)->binary_convolution(&c, 0, cut, 0, half, scratch);
    (i ? b : a)->binary_convolution(&c, cut, pixels, 0, half, scratch);
    (i ? b : a)->binary_convolution(&c, 0, cut, half, c.block_count, scratch);
    (i ? b : a)->binary_convolution(&c, cut, pixels, half, c.block_count, scratch);
  }
  expect_equal("binary_convolution", results[1], results[0], bytes);
  free(results[0]), free(results[1]), free(scratch), free(input), free(plain), free(panel), free(zeros);
  free(rows), free(columns), free(base), free(start), free(width), free(shorts);
}

static void float_convolution(const sk_kernels *a, const sk_kernels *b) {
  const sk_window w = random_window(0);
  const uint32_t images = 1 + below(3), channels = random_size(), filters = random_size();
  const size_t taps = (size_t)(w.kernel_height * w.kernel_width);
  const size_t pixels = images * (size_t)(w.out_height * w.out_width);
  sk_block blocks[16];
  sk_float_convolution c = {.window = w, .channels = channels, .blocks = blocks};
  // Half of them write codes instead of reals.
  const int coded = (int)below(2);
  c.block_count = make_blocks(blocks, filters, coded);
  c.pixel_stride = channels + below(3);
  c.output_stride = filters + below(3);
  float *input = reals((size_t)images * (size_t)(w.in_height * w.in_width) * c.pixel_stride);
  float *panel = reals(c.block_count * taps * channels * 16);
  float *zeros = zeroed((size_t)w.kernel_width * c.pixel_stride, 4);
  float *bias = reals(c.block_count * 16), *slope = reals(c.block_count * 16);
  c.input = input;
  c.zeros = zeros;
  c.panel = panel;
  c.stream = taps * channels * 16;
  c.bias = bias;
  c.slope = below(2) ? slope : 0;
  float *scale = reals(c.block_count * 16), *shift = reals(c.block_count * 16);
  const float betas[4] = {1, 0.5f, 0.25f, 0.375f};
  sk_codes codes = {
      .scale = scale, .shift = shift, .betas = betas, .planes = 1 + below(4), .plane_stride = c.block_count};
  codes.pixel_stride = codes.planes * codes.plane_stride;
  if (coded) c.codes = &codes;
  const void **scratch = zeroed(SK_SCRATCH_POINTERS + taps * SK_MAX_ROWS, sizeof(void *));
  const size_t bytes = coded ? pixels * codes.pixel_stride * 2 : pixels * c.output_stride * 4;
  float *results[2];
  for (int i = 0; i < 2; ++i) {
    results[i] = zeroed(bytes, 1);
    c.output = coded ? 0 : results[i];
    codes.output = (uint16_t *)results[i];
    const size_t cut = below((uint32_t)pixels + 1), half = below(c.block_count + 1);
    (i ? b : a)->float_convolution(&c, 0, cut, 0, half, scratch);
    (i ? b : a)->float_convolution(&c, cut, pixels, 0, half, scratch);
    (i ? b : a)->float_convolution(&c, 0, pixels, half, c.block_count, scratch);
  }
  expect_equal("float_convolution", results[1], results[0], bytes);
  free(results[0]), free(results[1]), free(scratch), free(input), free(panel), free(zeros), free(bias), free(slope);
  free(scale), free(shift);
}

// The sum from its definition, as an oracle of the scalar kernel itself.
static int32_t plain_sum(const sk_pixel_convolution *c, size_t pixel, uint32_t filter) {
  const sk_window w = c->window;
  const size_t per_image = (size_t)(w.out_width * w.out_height);
  const size_t y = pixel % per_image / (size_t)w.out_width, x = pixel % per_image % (size_t)w.out_width;
  const uint8_t *image = c->input + pixel / per_image * (size_t)w.in_height * c->row_bytes;
  const int8_t *panel = c->panel + filter / 16 * (size_t)w.kernel_height * c->quads * 64 + filter % 16 * 4;
  int32_t sum = c->base[filter];
  for (size_t ky = 0; ky < (size_t)w.kernel_height; ++ky) {
    const uint8_t *row = image + (y * (size_t)w.stride_height + ky) * c->row_bytes;
    for (size_t k = 0; k < (size_t)w.kernel_width * c->channels; ++k) {
      sum += row[x * (size_t)w.stride_width * c->channels + k] * panel[(ky * c->quads + k / 4) * 64 + k % 4];
    }
  }
  return sum;
}

static void pixel_convolution(const sk_kernels *a, const sk_kernels *b) {
  sk_window w = random_window(0);
  // The border is in the image.
  w.in_height += 2 * w.pad_top, w.in_width += 2 * w.pad_left, w.pad_top = w.pad_left = 0;
  const uint32_t images = 1 + below(3), filters = random_size(), kind = below(4), planes = 1 + below(4);
  const size_t pixels = images * (size_t)(w.out_height * w.out_width);
  sk_block blocks[16];
  sk_pixel_convolution c = {.window = w, .channels = 1 + below(4), .blocks = blocks};
  c.row_bytes = (uint32_t)w.in_width * c.channels + below(5);
  c.quads = ((uint32_t)w.kernel_width * c.channels + 3) / 4;
  c.block_count = make_blocks(blocks, filters, kind >= SK_OUTPUT_CODES);
  const size_t lanes = (size_t)c.block_count * 16, levels = ((size_t)1 << planes) - 1;
  const size_t rows = (size_t)w.kernel_height, bytes_in = images * (size_t)w.in_height * c.row_bytes;
  uint8_t *input = zeroed(bytes_in + 4, 1);
  for (size_t i = 0; i < bytes_in + 4; ++i) input[i] = below(4) ? (uint8_t)next() : 255 * (uint8_t)below(2);
  int8_t *panel = zeroed(c.block_count * rows * c.quads * 64, 1);
  int32_t *base = zeroed(lanes, 4), *sums = zeroed(lanes, 4);
  uint32_t *low = zeroed(levels * lanes, 4), *width = zeroed(levels * lanes, 4);
  for (size_t i = 0; i < lanes; ++i) base[i] = (int32_t)below(200000) - 100000;
  for (size_t block = 0; block < c.block_count; ++block) {
    for (size_t row = 0; row < rows; ++row) {
      for (size_t k = 0; k < (size_t)w.kernel_width * c.channels; ++k) {
        for (size_t lane = 0; lane < 16; ++lane) {
          const int8_t weight = (int8_t)(below(4) ? (int32_t)below(255) - 127 : 254 * (int32_t)below(2) - 127);
          panel[((block * rows + row) * c.quads + k / 4) * 64 + lane * 4 + k % 4] = weight;
          sums[block * 16 + lane] += weight;
        }
      }
    }
  }
  for (size_t i = 0; i < levels * lanes; ++i) {
    low[i] = below(400000) - 200000;
    width[i] = below(3) ? below(300000) : 0u - below(300000);
  }
  float *scale = reals(lanes), *shift = reals(lanes), *slope = reals(lanes);
  c.input = input, c.panel = panel, c.base = base, c.weight_sums = sums, c.scale = scale, c.shift = shift;
  c.slope = below(2) ? slope : 0;
  c.output = (sk_output){.kind = (sk_output_kind)kind, .planes = planes, .unit = 1, .start = low, .width = width};
  const size_t output_planes = kind == SK_OUTPUT_CODES ? planes : levels;
  c.output.plane_stride = c.block_count;
  c.output.pixel_stride = kind >= SK_OUTPUT_CODES ? (uint32_t)(c.block_count * output_planes) : filters + below(3);
  const size_t bytes = pixels * c.output.pixel_stride * (kind >= SK_OUTPUT_CODES ? 2 : 4);
  void *results[2];
  for (int i = 0; i < 2; ++i) {
    results[i] = zeroed(bytes, 1);
    c.output.data = results[i];
    const size_t cut = below((uint32_t)pixels + 1), middle = below(c.block_count + 1);
    (i ? b : a)->pixel_convolution(&c, 0, cut, 0, c.block_count);
    (i ? b : a)->pixel_convolution(&c, cut, pixels, 0, middle);
    (i ? b : a)->pixel_convolution(&c, cut, pixels, middle, c.block_count);
  }
  expect_equal("pixel_convolution", results[1], results[0], bytes);
  if (kind == SK_OUTPUT_ACCUMULATORS) {
    int32_t *plain = zeroed(bytes, 1);
    for (size_t p = 0; p < pixels; ++p) {
      for (uint32_t f = 0; f < filters; ++f) plain[p * c.output.pixel_stride + f] = plain_sum(&c, p, f);
    }
    expect_equal("the plain sum of pixel_convolution", plain, results[0], bytes);
    free(plain);
  }
  free(results[0]), free(results[1]), free(input), free(panel), free(base), free(sums), free(low), free(width);
  free(scale), free(shift), free(slope);
}

static void encode(const sk_kernels *a, const sk_kernels *b) {
  const uint32_t channels = random_size(), rows = 1 + below(9);
  const float betas[4] = {1, 0.5f, 0.25f, 0.375f};
  sk_block blocks[16];
  sk_encode e = {.betas = betas, .planes = 1 + below(4), .blocks = blocks, .edge = 0.5f * (float)(1 + below(7))};
  e.block_count = make_blocks(blocks, channels, 1);
  e.plane_stride = e.block_count;
  e.pixel_stride = e.block_count * e.planes;
  float *input = reals(rows * channels), *scale = reals(channels), *shift = reals(channels), *slope = reals(channels);
  e.input = (sk_values){.data = input, .channels = channels, .slope = below(2) ? slope : 0};
  e.scale = below(4) ? scale : 0;
  e.shift = e.scale ? shift : 0;
  const size_t halves = rows * (size_t)e.pixel_stride, mask_halves = rows * (size_t)e.plane_stride;
  uint16_t *results[2], *masks[2];
  for (int i = 0; i < 2; ++i) {
    results[i] = zeroed(halves, 2);
    masks[i] = zeroed(mask_halves, 2);
    e.output = results[i];
    e.mask = masks[i];
    (i ? b : a)->encode(&e, 0, rows);
  }
  expect_equal("encode", results[1], results[0], halves * 2);
  expect_equal("encode's mask", masks[1], masks[0], mask_halves * 2);
  const float sums[2] = {a->residual_magnitude(&e.input, scale, shift, betas, e.planes, 0, rows),
                         b->residual_magnitude(&e.input, scale, shift, betas, e.planes, 0, rows)};
  expect_equal("residual_magnitude", &sums[1], &sums[0], sizeof(float));
  for (int i = 0; i < 2; ++i) free(results[i]), free(masks[i]);
  free(input), free(scale), free(shift), free(slope);
}

static void pools(const sk_kernels *a, const sk_kernels *b) {
  const sk_window w = random_window(1);
  const uint32_t images = 1 + below(3), planes = 1 + below(4), channels = random_size();
  const uint32_t count = (channels + 31) / 32;
  const size_t in_pixels = images * (size_t)(w.in_height * w.in_width);
  const size_t pixels = images * (size_t)(w.out_height * w.out_width);
  uint32_t *levels = words(in_pixels * ((1u << planes) - 1) * count), *inverted = words(count);
  float *input = reals(in_pixels * channels), *dy = reals(pixels * channels);
  uint32_t *codes[2];
  float *values[2], *kept[2], *gradients[2];
  uint8_t *chosen[2];
  for (int i = 0; i < 2; ++i) {
    const sk_kernels *k = i ? b : a;
    codes[i] = zeroed(pixels * planes * count, 4);
    values[i] = zeroed(pixels * channels, 4);
    kept[i] = zeroed(pixels * channels, 4);
    gradients[i] = zeroed(in_pixels * channels, 4);
    chosen[i] = zeroed(pixels * channels, 1);
    const sk_level_pool level = {
        .window = w, .input = levels, .inverted = inverted, .words = count, .planes = planes, .output = codes[i]};
    k->level_pool(&level, 0, pixels);
    const sk_float_pool pool = {.window = w, .input = input, .channels = channels, .output = values[i]};
    k->float_pool(&pool, 0, pixels);
    const sk_value_pool value = {.window = w,
                                 .input = {.data = input, .channels = channels, .slope = input},
                                 .output = kept[i],
                                 .chosen = chosen[i]};
    k->value_pool(&value, 0, pixels);
    const sk_pool_gradient gradient = {
        .window = w, .channels = channels, .chosen = chosen[i], .dy = dy, .dx = gradients[i]};
    k->value_pool_backward(&gradient, 0, in_pixels);
  }
  expect_equal("level_pool", codes[1], codes[0], pixels * planes * count * 4);
  expect_equal("float_pool", values[1], values[0], pixels * channels * 4);
  expect_equal("value_pool", kept[1], kept[0], pixels * channels * 4);
  expect_equal("value_pool's choice", chosen[1], chosen[0], pixels * channels);
  expect_equal("value_pool_backward", gradients[1], gradients[0], in_pixels * channels * 4);
  for (int i = 0; i < 2; ++i) free(codes[i]), free(values[i]), free(kept[i]), free(gradients[i]), free(chosen[i]);
  free(levels), free(inverted), free(input), free(dy);
}

#endif
