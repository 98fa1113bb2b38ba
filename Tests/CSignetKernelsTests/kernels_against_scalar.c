// SPDX-License-Identifier: Apache-2.0
//
// Every kernel of every instruction set that this machine runs, against the scalar one, bit for bit, on seeded
// random inputs of awkward sizes. Exit status 1 if a bit differs. The digest at the end is the same on every machine.
//
// Scripts/test-neon builds it natively and for AArch64, where the table has NEON kernels.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#include "CSignetKernels.h"

// The inputs must be the same on machines with and without fused multiply-adds.
#pragma STDC FP_CONTRACT OFF

static uint64_t state = 1;

// Steele, Lea, Flood 2014: "Fast splittable pseudorandom number generators".
static uint64_t next(void) {
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static uint32_t below(uint32_t bound) { return (uint32_t)(((next() >> 32) * bound) >> 32); }

// Most values are short, so that equal ones and zeros occur; others have all their bits.
static float real(void) {
  switch (below(8)) {
    case 0: return 0.0f;
    case 1: return -0.0f;
    case 2: return (float)(int32_t)next() * 0x1p-28f;
    case 3: return (float)((int32_t)next() * 0x1p-160);
    default: return ((float)below(65) - 32) / 16;
  }
}

static void *zeroed(size_t count, size_t size) {
  void *memory = calloc(count ? count : 1, size);
  if (!memory) {
    fprintf(stderr, "out of memory\n");
    exit(2);
  }
  return memory;
}

static float *reals(size_t count) {
  float *values = zeroed(count, sizeof(float));
  for (size_t i = 0; i < count; ++i) values[i] = real();
  return values;
}

static uint32_t *words(size_t count) {
  uint32_t *values = zeroed(count, sizeof(uint32_t));
  for (size_t i = 0; i < count; ++i) values[i] = (uint32_t)next();
  return values;
}

static size_t compared, differing;
// FNV-1a of all scalar results: equal on every machine.
static uint64_t digest;

// Both buffers started with the same bytes, so that what a kernel must leave alone is compared as well.
static void expect_equal(const char *kernel, const void *found, const void *expected, size_t bytes) {
  compared += bytes;
  for (size_t i = 0; i < bytes; ++i) digest = (digest ^ ((const uint8_t *)expected)[i]) * 0x100000001B3u;
  if (!memcmp(found, expected, bytes)) return;
  size_t at = 0;
  while (((const uint8_t *)found)[at] == ((const uint8_t *)expected)[at]) ++at;
  if (differing++ < 20) printf("  %s differs from scalar at byte %zu of %zu\n", kernel, at, bytes);
}

static sk_window random_window(int pool) {
  sk_window w;
  // Pointwise convolutions have kernels of their own.
  if (!pool && below(4) == 0) {
    const int32_t height = 1 + (int32_t)below(7), width = 1 + (int32_t)below(7);
    return (sk_window){height, width, height, width, 1, 1, 1, 1, 0, 0};
  }
  do {
    w.kernel_height = 1 + (int32_t)below(5);
    w.kernel_width = 1 + (int32_t)below(5);
    w.in_height = 1 + (int32_t)below(7);
    w.in_width = 1 + (int32_t)below(7);
    w.stride_height = 1 + (int32_t)below(3);
    w.stride_width = 1 + (int32_t)below(3);
    w.pad_top = (int32_t)below((uint32_t)w.kernel_height);
    w.pad_left = (int32_t)below((uint32_t)w.kernel_width);
    w.out_height = (w.in_height + 2 * w.pad_top - w.kernel_height) / w.stride_height + 1;
    w.out_width = (w.in_width + 2 * w.pad_left - w.kernel_width) / w.stride_width + 1;
    // A pool's last window may reach past the padding.
    if (pool && w.out_height * w.stride_height < w.in_height + w.pad_top) w.out_height += (int32_t)below(2);
    if (pool && w.out_width * w.stride_width < w.in_width + w.pad_left) w.out_width += (int32_t)below(2);
  } while (w.in_height + 2 * w.pad_top < w.kernel_height || w.in_width + 2 * w.pad_left < w.kernel_width);
  return w;
}

// Blocks for `channels` channels in one plane of half words, or packed without gaps for reals.
static uint32_t make_blocks(sk_block *blocks, uint32_t channels, int halves) {
  const uint32_t count = halves ? (channels + 31) / 32 * 2 : (channels + 15) / 16;
  for (uint32_t b = 0; b < count; ++b) {
    const uint32_t first = b * 16 < channels ? b * 16 : channels;
    blocks[b].channel = first;
    blocks[b].count = channels - first < 16 ? channels - first : 16;
    blocks[b].position = b;
  }
  return count;
}

static const uint32_t sizes[] = {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 96, 100, 130, 224};
static uint32_t random_size(void) { return sizes[below(sizeof sizes / sizeof *sizes)]; }

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
  sk_codes codes = {.scale = scale, .shift = shift, .betas = betas, .planes = 1 + below(4), .plane_stride = c.block_count};
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
  const size_t channels = random_size(), rows = 1 + below(7), count = rows * channels, bytes = count * 4;
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
  sk_norm_gradient n = {.input = v, .dz_kind = kind, .dz = dz, .mean = mean, .gain = scale, .tilt = shift, .offset = mean};
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

// What windows read along one side of an image, and the image itself.
static int32_t bordered(int32_t before, int32_t size, int32_t outputs, int32_t stride, int32_t kernel) {
  const int32_t read = (outputs - 1) * stride + kernel, all = before + size;
  return read > all ? read : all;
}

// Both products in every precision, and the packing before them. An instruction that multiplies pairs of bfloat16 may
// round otherwise, so it is not compared.
static void gradients(const sk_kernels *a, const sk_kernels *b) {
  const sk_gradients *tables[2] = {sk_gradients_for(a->isa), sk_gradients_for(b->isa)};
  const sk_window w = random_window(0);
  const uint32_t images = 1 + below(3), channels = random_size(), filters = random_size(), planes = 1 + below(4);
  const uint32_t count = (channels + 31) / 32;
  const size_t taps = (size_t)(w.kernel_height * w.kernel_width), depth = taps * channels;
  const size_t in_pixels = images * (size_t)(w.in_height * w.in_width);
  const size_t rows = images * (size_t)(w.out_height * w.out_width);
  const sk_precision precision = (sk_precision)below(3);
  // The digest must not depend on what this machine has.
  if (precision == SK_PRECISION_BFLOAT16 && tables[1]->has_bfloat16) tables[1] = tables[0];
  const int of_reals = precision != SK_PRECISION_INT8 && below(2);
  float *dy = reals(rows * filters + 1), *x = reals(in_pixels * channels), levels[16];
  // Images with a border for what reads reals.
  const size_t row = channels * (size_t)bordered(w.pad_left, w.in_width, w.out_width, w.stride_width, w.kernel_width);
  const size_t tall = (size_t)bordered(w.pad_top, w.in_height, w.out_height, w.stride_height, w.kernel_height);
  const size_t element_bytes = precision == SK_PRECISION_FLOAT32 ? 4 : 2;
  const size_t slack = SK_IMAGE_SLACK * element_bytes, image_bytes = images * tall * row * element_bytes;
  const size_t run = (size_t)w.kernel_width * channels, steps = (run * element_bytes + 3) / 4;
  const size_t panel_bytes = (filters + 15) / 16 * (size_t)w.kernel_height * steps * 64;
  const int turned = (int)below(2), biased = (int)below(2);
  float *weights = reals(filters * depth), *bias = reals(filters);
  char *padded[2];
  uint32_t *panels[2];
  float *y[2];
  uint32_t *bits = words(in_pixels * planes * count), *signs = words(filters * taps * count);
  uint32_t *mask = words(in_pixels * count), *zeros = zeroed(filters + 4, 4);
  for (int i = 0; i < 16; ++i) levels[i] = (float)(2 * i - 15) / 8;
  const size_t blocks = (filters + SK_GRADIENT_FILTERS - 1) / SK_GRADIENT_FILTERS;
  const size_t packed = blocks * SK_GRADIENT_FILTERS * (rows + 3) * 4;
  void *scratch = aligned_alloc(64, (sk_gradient_scratch_bytes(filters) + 63) / 64 * 64);
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
    padded[i] = zeroed(image_bytes + 2 * slack, 1), panels[i] = zeroed(panel_bytes, 1), y[i] = zeroed(rows * filters, 4);
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
    const sk_weight_gradient g = {.window = w,
                                  .images = of_reals ? &source : 0,
                                  .bits = bits,
                                  .pixel_words = planes * count,
                                  .plane_words = count,
                                  .planes = planes,
                                  .channels = channels,
                                  .levels = levels,
                                  .quantum = 0.5f,
                                  .offset = 63,
                                  .dy = side[i],
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
      k->convolution(&c, 0, mid);
      k->convolution(&c, mid, rows);
    }
    k->weight_gradient(&g, 0, cut, 0, tiles, scratch);
    k->weight_gradient(&g, cut, columns, 0, half, scratch);
    k->weight_gradient(&g, cut, columns, half, tiles, scratch);
    const size_t element = precision == SK_PRECISION_INT8 ? 1 : is_narrow ? 2 : 4;
    const sk_input_gradient in = {.window = w,
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
    const size_t middle = below((uint32_t)in_pixels + 1);
    k->input_gradient(&in, 0, middle, scratch);
    k->input_gradient(&in, middle, in_pixels, scratch);
  }
  expect_equal("round", narrow[1], narrow[0], rows * filters * 2);
  expect_equal("sums of a gradient", sums[1], sums[0], filters * 4);
  expect_equal("pack", side[1], side[0], packed);
  expect_equal("pack's rows", bytes[1], bytes[0], rows * filters);
  expect_equal("pack's row scales", scales[1], scales[0], rows * 4);
  expect_equal("pack's row sums", row_sums[1], row_sums[0], rows * 4);
  expect_equal("pack's filter sums", column_sums[1], column_sums[0], filters * 4);
  expect_equal("weight_gradient", dw[1], dw[0], filters * depth * 4);
  expect_equal("input_gradient", dx[1], dx[0], in_pixels * channels * 4);
  expect_equal("pad_images", padded[1], padded[0], image_bytes + 2 * slack);
  expect_equal("convolution of reals", y[1], y[0], rows * filters * 4);
  for (int i = 0; i < 2; ++i) {
    free(side[i]), free(narrow[i]), free(bytes[i]), free(scales[i]), free(row_sums[i]), free(column_sums[i]);
    free(maxima[i]), free(sums[i]), free(dw[i]), free(dx[i]), free(padded[i]), free(panels[i]), free(y[i]);
  }
  free(weights), free(bias), free(dy), free(x), free(bits), free(signs), free(mask), free(zeros), free(scratch);
}

// NEON's convolution of bytes is there twice; the kernel asks the system in the same way which one to run.
static const char *variant(int isa) {
  if (isa != SK_ISA_NEON) return "";
#if defined(__ARM_FEATURE_DOTPROD)
  return " (sdot)";
#elif defined(__aarch64__) && defined(__linux__)
  return getauxval(AT_HWCAP) >> 20 & 1 ? " (sdot)" : " (smull)";
#else
  return " (smull)";
#endif
}

int main(int argc, char **argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 400;
  if (rounds < 1) {
    fprintf(stderr, "usage: %s [ROUNDS]\n", argv[0]);
    return 64;
  }
  static const char *const names[] = {"scalar", "avx2", "avx512", "neon"};
  void (*const tests[])(const sk_kernels *, const sk_kernels *) = {
      binary_convolution, float_convolution, pixel_convolution, encode, pools, patches, elementwise,
      gradients,          adam};
  const sk_kernels *scalar = sk_kernels_for(SK_ISA_SCALAR);
  size_t failures = 0, tables = 0;
  for (int isa = SK_ISA_AVX2; isa <= SK_ISA_NEON; ++isa) {
    const sk_kernels *kernels = sk_kernels_for((sk_isa)isa);
    if (!kernels) {
      printf("%-7s not run: this build or machine doesn't have it\n", names[isa]);
      continue;
    }
    ++tables;
    compared = differing = 0;
    digest = 0xCBF29CE484222325u;
    for (int round = 0; round < rounds; ++round) {
      state = (uint64_t)round;
      for (size_t t = 0; t < sizeof tests / sizeof *tests; ++t) tests[t](scalar, kernels);
    }
    printf("%-7s %d rounds%s, %zu bytes compared with scalar, %zu results differ\n", names[isa], rounds, variant(isa),
           compared, differing);
    failures += differing;
  }
  if (tables) printf("digest of the scalar results: %016llx\n", (unsigned long long)digest);
  if (!tables) printf("nothing to compare: only the scalar kernels run here\n");
  return failures || !tables ? 1 : 0;
}
