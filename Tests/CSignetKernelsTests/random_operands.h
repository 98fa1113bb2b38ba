// SPDX-License-Identifier: Apache-2.0
//
// Seeded random operands of awkward sizes, and the comparison of what two kernels make of them.
#ifndef SIGNET_TESTS_RANDOM_OPERANDS_H
#define SIGNET_TESTS_RANDOM_OPERANDS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void add_to_digest(const void *expected, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) digest = (digest ^ ((const uint8_t *)expected)[i]) * 0x100000001B3u;
}

// Both buffers started with the same bytes, so that what a kernel must leave alone is compared as well.
static void expect_equal(const char *kernel, const void *found, const void *expected, size_t bytes) {
  compared += bytes;
  add_to_digest(expected, bytes);
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

// Windows with enough taps, and rows, for gradients to be looked up.
static sk_window wide_window(void) {
  sk_window w = {.stride_height = 1, .stride_width = 1};
  w.kernel_height = 2 + (int32_t)below(4);
  w.kernel_width = 3 + (int32_t)below(3);
  w.in_height = 10 + (int32_t)below(8);
  w.in_width = 10 + (int32_t)below(8);
  w.pad_top = (int32_t)below(3);
  w.pad_left = (int32_t)below(3);
  w.out_height = w.in_height + 2 * w.pad_top - w.kernel_height + 1;
  w.out_width = w.in_width + 2 * w.pad_left - w.kernel_width + 1;
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

#endif
