// SPDX-License-Identifier: Apache-2.0
//
// What the kernels of two tables make of gradients with infinities and NaN in them, where that is defined to the bit:
// rounding, the scales and bytes of a gradient, and the weights after an update.
#ifndef SIGNET_TESTS_NOT_FINITE_KERNELS_H
#define SIGNET_TESTS_NOT_FINITE_KERNELS_H

#include "gradient_kernels.h"

static float *reals_and_others(size_t count) {
  static const uint32_t others[] = {0x7FC00000u, 0x7FFFFFFFu, 0xFFFFFFFFu, 0x7F800001u, 0x7F800000u, 0xFF800000u,
                                    0x7F7FFFFFu, 0xFF7F8000u};
  float *values = reals(count);
  for (size_t i = 0; i < count; ++i) {
    if (below(40) == 0) memcpy(values + i, others + below(sizeof others / sizeof *others), sizeof *values);
  }
  return values;
}

static void not_finite_by(const sk_kernels *a, const sk_kernels *b, const sk_gradients *table) {
  const sk_gradients *tables[2] = {sk_gradients_for(a->isa), table};
  const size_t rows = 1 + below(30), filters = random_size(), count = rows * filters;
  const size_t packed = sk_packed_gradient_bytes(rows, filters, SK_PRECISION_INT8);
  const size_t all = (filters + SK_GRADIENT_FILTERS - 1) / SK_GRADIENT_FILTERS * SK_GRADIENT_FILTERS;
  const size_t all_words = all * ((rows + 3) / 4);
  float *dy = reals_and_others(count), *start = reals(count);
  const sk_adam step = {.step_size = 0.1f, .beta1 = 0.9f, .beta2 = 0.999f, .second_correction = 31.6f,
                        .epsilon = 1e-8f, .clip = 1};
  uint16_t *narrow[2];
  uint32_t *side[2], *plain[2];
  int8_t *bytes[2];
  float *scales[2], *maxima[2], *inverses = zeroed(filters, 4), *weights[2], *moments = zeroed(2 * count, 4);
  int32_t *row_sums[2], *column_sums[2];
  for (int i = 0; i < 2; ++i) {
    narrow[i] = zeroed(count, 2), side[i] = zeroed(packed, 1), bytes[i] = zeroed(count, 1);
    scales[i] = zeroed(rows, 4), maxima[i] = zeroed(filters, 4), weights[i] = zeroed(count, 4);
    row_sums[i] = zeroed(rows, 4), column_sums[i] = zeroed(filters, 4);
    tables[i]->round(dy, narrow[i], count);
    sk_gradient_pack p = {.kind = SK_PRECISION_FLOAT32,
                          .precision = SK_PRECISION_INT8,
                          .dy = dy,
                          .stride = filters,
                          .rows = rows,
                          .filters = filters,
                          .key = 78,
                          .column_inverses = inverses,
                          .words = side[i],
                          .bytes = bytes[i],
                          .row_scales = scales[i],
                          .row_sums = row_sums[i]};
    tables[i]->maxima(&p, 0, rows, maxima[i]);
    for (size_t f = 0; f < filters; ++f) {
      const float most = maxima[i][f];
      inverses[f] = most >= SK_GRADIENT_SMALLEST && most < __builtin_inff() ? SK_GRADIENT_LIMIT / most : 0;
    }
    tables[i]->pack(&p, 0, rows, column_sums[i]);
    plain[i] = in_rows(tables[i], SK_PRECISION_INT8, side[i], rows, filters);
    memcpy(weights[i], start, count * 4);
    memset(moments, 0, 2 * count * 4);
    (i ? b : a)->adam(&step, weights[i], dy, moments, moments + count, count);
  }
  expect_equal("round of no numbers", narrow[1], narrow[0], count * 2);
  expect_equal("maxima of no numbers", maxima[1], maxima[0], filters * 4);
  expect_equal("row scales of no numbers", scales[1], scales[0], rows * 4);
  expect_equal("pack of no numbers", plain[1], plain[0], all_words * 4);
  expect_equal("pack's rows of no numbers", bytes[1], bytes[0], count);
  expect_equal("pack's row sums of no numbers", row_sums[1], row_sums[0], rows * 4);
  expect_equal("pack's filter sums of no numbers", column_sums[1], column_sums[0], filters * 4);
  expect_equal("adam's weights by no numbers", weights[1], weights[0], count * 4);
  for (int i = 0; i < 2; ++i) {
    free(narrow[i]), free(side[i]), free(bytes[i]), free(scales[i]), free(maxima[i]), free(weights[i]);
    free(row_sums[i]), free(column_sums[i]), free(plain[i]);
  }
  free(dy), free(start), free(inverses), free(moments);
}

static void not_finite(const sk_kernels *a, const sk_kernels *b) {
  const uint64_t seed = state, before = digest;
  const sk_gradients *table;
  for (size_t index = 0; (table = sk_gradients_at(b->isa, index)); ++index) {
    state = seed, digest = before;
    not_finite_by(a, b, table);
  }
}

#endif
