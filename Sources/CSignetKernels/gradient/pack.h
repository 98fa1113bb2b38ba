// SPDX-License-Identifier: Apache-2.0
//
// The gradient of a layer's result as the operand of both products: as it is for dX, and with the rows of a step side
// by side, [block of SK_GRADIENT_FILTERS][step][filter], for dW.

// A row's 16 values from `c` on, 0 behind the last row.
SK_INLINE sk_f32 SK_NAME(load_gradient)(const sk_gradient_pack *p, size_t row, size_t c, uint32_t count) {
  if (row >= p->rows) return 0;
  return SK_NAME(load_gradient_lanes)(p->dy, p->kind, row * p->stride + c, count);
}

// 32 random bits for each of 16 filters of a row (the finaliser of MurmurHash3 on a key of the row).
SK_INLINE sk_u32 SK_NAME(noise)(uint64_t key, size_t c) {
  const sk_u32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  sk_u32 h = ((uint32_t)c + lane) * 0x9E3779B9u + (uint32_t)key;
  h ^= h >> 16;
  h *= 0x85EBCA6Bu;
  h ^= (uint32_t)(key >> 32);
  h ^= h >> 13;
  h *= 0xC2B2AE35u;
  return h ^ (h >> 16);
}

SK_INLINE uint64_t SK_NAME(row_key)(uint64_t key, size_t row) {
  uint64_t z = key + (uint64_t)row * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// The value, or 0 for an infinity or NaN: the scales of its row and filter tell of those, and no byte can.
SK_INLINE sk_f32 SK_NAME(finite_or_zero)(sk_f32 value) {
  const sk_u32 bits = (sk_u32)value;
  return (sk_f32)SK_SELECT((bits & 0x7F800000u) != 0x7F800000u, bits, (sk_u32)0);
}

// floor(value * inverse + u), u uniform in [0, 1): on average value * inverse, whose size is below 127. `random` has
// 16 bits in the upper part of a float's fraction.
SK_INLINE sk_i32 SK_NAME(round_randomly)(sk_f32 value, sk_f32 inverse, sk_u32 random) {
  const sk_f32 u = (sk_f32)((random & 0x7FFF80u) | 0x3F800000u);
  return __builtin_convertvector(SK_FMA(value, inverse, u) + 127.0f, sk_i32) - 128;
}

SK_INLINE uint32_t SK_NAME(lanes_left)(size_t channels, size_t c) {
  return c >= channels ? 0 : channels - c < SK_LANES ? (uint32_t)(channels - c) : SK_LANES;
}

// The greatest |dY| of each row and filter of rows [begin, end), for bytes. Sizes are compared as integers, where an
// infinity is greater than every number and NaN than an infinity: neither is passed over.
SK_INLINE void SK_NAME(gradient_maxima_of)(const sk_gradient_pack *p, sk_precision kind, bool full, size_t begin,
                                           size_t end, float *column_maxima) {
  memset(column_maxima, 0, p->filters * sizeof(float));
  for (size_t row = begin; row < end; row += 4) {
    const size_t rows = end - row < 4 ? end - row : 4;
    sk_i32 largest[4] = {};
    for (size_t c = 0; c < p->filters; c += SK_LANES) {
      const uint32_t count = full ? SK_LANES : SK_NAME(lanes_left)(p->filters, c);
      sk_i32 column = (sk_i32)SK_NAME(load_lanes)(column_maxima + c, count);
      SK_UNROLL for (size_t r = 0; r < 4; ++r) {
        // Where there are fewer rows, the last one again.
        const size_t at = row + (r < rows ? r : rows - 1);
        const sk_f32 value = SK_NAME(load_gradient_lanes)(p->dy, kind, at * p->stride + c, count);
        const sk_i32 size = (sk_i32)((sk_u32)value & 0x7FFFFFFFu);
        column = __builtin_elementwise_max(size, column);
        largest[r] = __builtin_elementwise_max(size, largest[r]);
      }
      SK_NAME(store_lanes)(column_maxima + c, &column, count);
    }
    for (size_t r = 0; r < rows; ++r) {
      const float most = SK_NAME(from_bits)((uint32_t)__builtin_reduce_max(largest[r]));
      p->row_scales[row + r] = most < SK_GRADIENT_SMALLEST ? 0 : most / SK_GRADIENT_LIMIT;
    }
  }
}

static void SK_NAME(gradient_maxima)(const sk_gradient_pack *p, size_t begin, size_t end, float *column_maxima) {
  if (p->kind == SK_PRECISION_BFLOAT16 && p->filters % SK_LANES == 0) {
    SK_NAME(gradient_maxima_of)(p, SK_PRECISION_BFLOAT16, true, begin, end, column_maxima);
  } else {
    SK_NAME(gradient_maxima_of)(p, p->kind, false, begin, end, column_maxima);
  }
}

static void SK_NAME(gradient_sums)(const sk_gradient_pack *p, size_t begin, size_t end, float *sums) {
  for (size_t c = 0; c < p->filters; c += SK_LANES) {
    const uint32_t count = SK_NAME(lanes_left)(p->filters, c);
    sk_f32 sum = 0;
    for (size_t row = begin; row < end; ++row) sum += SK_NAME(load_gradient)(p, row, c, count);
    SK_NAME(store_lanes)(sums + c, &sum, count);
  }
}

// A step of up to 4 rows in bytes: by row for dX, by filter for dW, with the same random bits' two halves. `kind` and
// `full`, whether there are 4 rows and whole vectors of filters, are constants wherever this is inlined.
SK_INLINE void SK_NAME(pack_bytes)(const sk_gradient_pack *p, sk_precision kind, bool full, size_t step, size_t steps,
                                   int32_t *column_sums) {
  const size_t blocks = (p->filters + SK_GRADIENT_FILTERS - 1) / SK_GRADIENT_FILTERS;
  const size_t first = step * 4, count_rows = full || p->rows - first >= 4 ? 4 : p->rows - first;
  const sk_i32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  sk_i32 row_sums[4] = {};
  float inverses[4];
  uint64_t keys[4];
  for (size_t e = 0; e < count_rows; ++e) {
    keys[e] = SK_NAME(row_key)(p->key, first + e);
    // 0 where the scale is infinite or NaN, too.
    inverses[e] = p->row_scales[first + e] > 0 ? 1 / p->row_scales[first + e] : 0;
  }
  for (size_t c = 0; c < (full ? p->filters : blocks * SK_GRADIENT_FILTERS); c += SK_LANES) {
    const uint32_t count = full ? SK_LANES : SK_NAME(lanes_left)(p->filters, c);
    const sk_i32 used = lane < (int32_t)count;
    const sk_f32 column_inverse = SK_NAME(load_lanes)(p->column_inverses + c, count);
    sk_u32 word = 0;
    sk_i32 sum = 0;
    SK_UNROLL for (size_t e = 0; e < 4; ++e) {
      if (e >= count_rows || count == 0) break;
      const sk_f32 value =
          SK_NAME(finite_or_zero)(SK_NAME(load_gradient_lanes)(p->dy, kind, (first + e) * p->stride + c, count));
      const sk_u32 random = SK_NAME(noise)(keys[e], c);
      const sk_i32 by_row = SK_NAME(round_randomly)(value, (sk_f32)inverses[e], random << 7);
      const sk_i32 by_column = SK_NAME(round_randomly)(value, column_inverse, random >> 9);
      const sk_i8 bytes = __builtin_convertvector(by_row, sk_i8);
      int8_t *to = p->bytes + (first + e) * p->filters + c;
      SK_NAME(store_bytes)(to, bytes, count);
      row_sums[e] += full ? by_row : SK_SELECT(used, by_row, (sk_i32)0);
      word |= ((sk_u32)by_column & 0xFFu) << (uint32_t)(8 * e);
      sum += by_column;
    }
    if (!full) word = SK_SELECT(used, word, (sk_u32)0);
    memcpy(p->words + (c / SK_GRADIENT_FILTERS * steps + step) * SK_GRADIENT_FILTERS + c % SK_GRADIENT_FILTERS, &word,
           sizeof word);
    if (count > 0) {
      sum += (sk_i32)SK_NAME(load_lanes)((const float *)column_sums + c, count);
      SK_NAME(store_lanes)(column_sums + c, &sum, count);
    }
  }
  // What is behind the filters in the last block is 0.
  for (size_t c = p->filters; full && c < blocks * SK_GRADIENT_FILTERS; c += SK_LANES) {
    memset(p->words + (c / SK_GRADIENT_FILTERS * steps + step) * SK_GRADIENT_FILTERS + c % SK_GRADIENT_FILTERS, 0,
           SK_LANES * 4);
  }
  SK_UNROLL for (size_t e = 0; e < 4; ++e) {
    if (e < count_rows) p->row_sums[first + e] = __builtin_reduce_add(row_sums[e]);
  }
}

static void SK_NAME(pack_gradient)(const sk_gradient_pack *p, size_t begin, size_t end, int32_t *column_sums) {
  const size_t step = p->precision == SK_PRECISION_INT8 ? 4 : p->precision == SK_PRECISION_BFLOAT16 ? 2 : 1;
  const size_t all_rows = (p->rows + 3) / 4 * 4, steps = all_rows / step;
  const size_t blocks = (p->filters + SK_GRADIENT_FILTERS - 1) / SK_GRADIENT_FILTERS;
  const size_t end_step = (end == p->rows ? all_rows : end) / step;
  if (p->precision == SK_PRECISION_INT8) {
    memset(column_sums, 0, p->filters * sizeof(int32_t));
    const bool full = p->kind == SK_PRECISION_BFLOAT16 && p->filters % SK_LANES == 0;
    for (size_t s = begin / 4; s < end_step; ++s) {
      if (full && s * 4 + 4 <= p->rows) {
        SK_NAME(pack_bytes)(p, SK_PRECISION_BFLOAT16, true, s, steps, column_sums);
      } else {
        SK_NAME(pack_bytes)(p, p->kind, false, s, steps, column_sums);
      }
    }
    return;
  }
  for (size_t s = begin / step; s < end_step; ++s) {
    // The last block is as long as the others: what is behind the filters is 0.
    for (size_t c = 0; c < blocks * SK_GRADIENT_FILTERS; c += SK_LANES) {
      const uint32_t count = SK_NAME(lanes_left)(p->filters, c);
      sk_u32 word = (sk_u32)SK_NAME(load_gradient)(p, s * step, c, count);
      if (step == 2) word = word >> 16 | ((sk_u32)SK_NAME(load_gradient)(p, 2 * s + 1, c, count) & 0xFFFF0000u);
      memcpy(p->words + (c / SK_GRADIENT_FILTERS * steps + s) * SK_GRADIENT_FILTERS + c % SK_GRADIENT_FILTERS, &word,
             sizeof word);
    }
  }
}

static void SK_NAME(round_gradient)(const float *from, uint16_t *to, size_t count) {
  for (size_t i = 0; i < count; i += SK_LANES) {
    const uint32_t used = SK_NAME(lanes_left)(count, i);
    const sk_f32 value = SK_NAME(load_lanes)(from + i, used);
    SK_NAME(store_gradient)(to, SK_PRECISION_BFLOAT16, i, &value, used);
  }
}

static void SK_NAME(widen_gradient)(const uint16_t *from, float *to, size_t count) {
  for (size_t i = 0; i < count; i += SK_LANES) {
    const uint32_t used = SK_NAME(lanes_left)(count, i);
    const sk_u32 value = SK_NAME(load_shorts)(from + i, used) << 16;
    SK_NAME(store_lanes)(to + i, &value, used);
  }
}
