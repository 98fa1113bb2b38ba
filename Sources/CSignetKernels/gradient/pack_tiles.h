// SPDX-License-Identifier: Apache-2.0
//
// The gradient of a layer's result as the left operand of dW's tiles, in the order in which it is read: [chunk of up to
// SK_TILE_BLOCKS blocks][16 filters][block][filter][16 words], a word being 2 or 4 rows of a filter. The rows of bytes
// for dX are those of pack.h.

// The first word of 16 filters from `f` on in a block, of `blocks` in all; `filters` is a multiple of 16.
SK_INLINE size_t SK_NAME(tile_place)(size_t block, size_t blocks, size_t f, size_t filters) {
  const size_t first = block / SK_TILE_BLOCKS * SK_TILE_BLOCKS, left = blocks - first;
  const size_t width = left < SK_TILE_BLOCKS ? left : SK_TILE_BLOCKS;
  return (first * filters + (f / 16 * width + block % SK_TILE_BLOCKS) * 16) * 16;
}

// The rows of a block: what a row of bytes needs, for each of them.
typedef struct SK_NAME(tile_rows) {
  size_t first, count;     // of the block
  float inverses[64];
  uint64_t keys[64];
  sk_i32 sums[64];
} SK_NAME(tile_rows);

// The words of `count` filters from `c` on in steps [from, to) of 4 rows, as bytes; returns the filters' sums.
// Inlined, so that for constant arguments no branch is left in the loop.
SK_INLINE sk_i32 SK_NAME(byte_words)(const sk_gradient_pack *p, SK_NAME(tile_rows) *rows, size_t height, size_t from,
                                     size_t to, size_t c, uint32_t count, sk_precision kind, sk_u32 *words) {
  const sk_i32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const sk_i32 used = lane < (int32_t)count;
  const sk_f32 column_inverse = SK_NAME(load_lanes)(p->column_inverses + c, count);
  sk_i32 column_sum = 0;
  for (size_t s = from; s < to; ++s) {
    sk_u32 word = 0;
    SK_UNROLL for (size_t e = 0; e < 4; ++e) {
      const size_t at = s * 4 + e, row = rows->first + at;
      if (at >= height) break;
      const sk_f32 value =
          SK_NAME(finite_or_zero)(SK_NAME(load_gradient_lanes)(p->dy, kind, row * p->stride + c, count));
      const sk_u32 random = SK_NAME(noise)(rows->keys[at], c);
      const sk_i32 by_row = SK_NAME(round_randomly)(value, (sk_f32)rows->inverses[at], random << 7);
      const sk_i32 by_column = SK_NAME(round_randomly)(value, column_inverse, random >> 9);
      SK_NAME(store_bytes)(p->bytes + row * p->filters + c, __builtin_convertvector(by_row, sk_i8), count);
      rows->sums[at] += count == SK_LANES ? by_row : SK_SELECT(used, by_row, (sk_i32)0);
      word |= ((sk_u32)by_column & 0xFFu) << (uint32_t)(8 * e);
      column_sum += by_column;
    }
    words[s] = count == SK_LANES ? word : SK_SELECT(used, word, (sk_u32)0);
  }
  return column_sum;
}

SK_INLINE sk_u32 SK_NAME(pair_word)(const sk_gradient_pack *p, size_t row, size_t c, uint32_t count) {
  const sk_u32 low = (sk_u32)SK_NAME(load_gradient)(p, row, c, count) >> 16;
  return low | ((sk_u32)SK_NAME(load_gradient)(p, row + 1, c, count) & 0xFFFF0000u);
}

// Has the next block's rows on their way while this one is packed: rows of 16 filters each lie too far from one another
// for the processor to see it.
SK_INLINE void SK_NAME(fetch_rows)(const sk_gradient_pack *p, size_t first, size_t c) {
  const size_t size = p->kind == SK_PRECISION_FLOAT32 ? 4 : 2, height = p->precision == SK_PRECISION_INT8 ? 64 : 32;
  if (c >= p->filters || c * size % 64 != 0 || first + height > p->rows) return;
  const char *from = (const char *)p->dy + (first * p->stride + c) * size;
  for (size_t r = 0; r < height; ++r) __builtin_prefetch(from + r * p->stride * size, 0, 2);
}

// Rows [begin, end) of one block.
SK_INLINE void SK_NAME(pack_block)(const sk_gradient_pack *p, size_t block, size_t begin, size_t end,
                                   int32_t *column_sums) {
  const int of_bytes = p->precision == SK_PRECISION_INT8;
  const size_t step = of_bytes ? 4 : 2;
  const size_t all = (p->filters + SK_GRADIENT_FILTERS - 1) / SK_GRADIENT_FILTERS * SK_GRADIENT_FILTERS;
  const size_t blocks = (p->rows + 16 * step - 1) / (16 * step);
  SK_NAME(tile_rows) rows = {.first = block * 16 * step, .count = end - block * 16 * step};
  const size_t from = (begin - rows.first) / step, to = end == p->rows ? 16 : (end - rows.first) / step;
  if (of_bytes) {
    for (size_t r = from * 4; r < rows.count; ++r) {
      rows.keys[r] = SK_NAME(row_key)(p->key, rows.first + r);
      rows.inverses[r] = p->row_scales[rows.first + r] > 0 ? 1 / p->row_scales[rows.first + r] : 0;
      rows.sums[r] = 0;
    }
  }
  for (size_t c = 0; c < all; c += SK_LANES) {
    const uint32_t count = SK_NAME(lanes_left)(p->filters, c);
    sk_u32 words[16];
    if (of_bytes && count > 0) {
      const int is_full = from == 0 && rows.count == 64 && count == SK_LANES && p->kind == SK_PRECISION_BFLOAT16;
      sk_i32 sum = (sk_i32)SK_NAME(load_lanes)((const float *)column_sums + c, count);
      sum += is_full ? SK_NAME(byte_words)(p, &rows, 64, 0, 16, c, SK_LANES, SK_PRECISION_BFLOAT16, words)
                     : SK_NAME(byte_words)(p, &rows, rows.count, from, to, c, count, p->kind, words);
      SK_NAME(store_lanes)(column_sums + c, &sum, count);
    } else {
      for (size_t s = from; s < to; ++s) {
        words[s] = of_bytes ? (sk_u32)0 : SK_NAME(pair_word)(p, rows.first + s * 2, c, count);
      }
    }
    SK_NAME(fetch_rows)(p, rows.first + 16 * step, c);
    uint32_t *tile = p->words + SK_NAME(tile_place)(block, blocks, c, all);
    if (from == 0 && to == 16) {
      SK_NAME(turn_words)((const __m512i *)words, tile);
    } else {
      for (size_t s = from; s < to; ++s) {
        for (size_t lane = 0; lane < SK_LANES; ++lane) tile[lane * 16 + s] = words[s][lane];
      }
    }
  }
  for (size_t r = from * 4; of_bytes && r < rows.count; ++r) {
    int32_t total = 0;
    for (int i = 0; i < SK_LANES; ++i) total += rows.sums[r][i];
    p->row_sums[rows.first + r] = total;
  }
}

static void SK_NAME(pack_any_gradient)(const sk_gradient_pack *p, size_t begin, size_t end, int32_t *column_sums) {
  if (p->precision == SK_PRECISION_FLOAT32) {
    SK_NAME(pack_gradient)(p, begin, end, column_sums);
    return;
  }
  if (p->precision == SK_PRECISION_INT8) memset(column_sums, 0, p->filters * sizeof(int32_t));
  const size_t height = p->precision == SK_PRECISION_INT8 ? 64 : 32;
  while (begin < end) {
    const size_t block = begin / height, rest = (block + 1) * height;
    const size_t next = rest < end ? rest : end;
    SK_NAME(pack_block)(p, block, begin, next, column_sums);
    begin = next;
  }
}
