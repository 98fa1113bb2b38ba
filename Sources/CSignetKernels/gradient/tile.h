// SPDX-License-Identifier: Apache-2.0
//
// 6 rows by up to SK_GRADIENT_VECTORS vectors of 16 channels; the sums stay in registers along the reduction.
//
// `panel` is [run][step][vectors][16]. A row gives one 32-bit word a step, `stride` bytes apart, and its runs lie
// `run_stride` bytes apart; all channels share it.

typedef struct SK_P(tile_sums) {
  SK_SUM of[SK_GRADIENT_ROWS][SK_GRADIENT_VECTORS];
} SK_P(tile_sums);

// `vectors` is a constant wherever this is inlined.
SK_INLINE void SK_P(sum_tile)(SK_P(tile_sums) *sums, int vectors, const uint32_t *panel,
                              const char *const *rows, size_t stride, size_t steps, size_t runs,
                              size_t run_stride) {
  SK_P(tile_sums) own = *sums;
  const char *at[SK_GRADIENT_ROWS];
  SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) at[r] = rows[r];
  for (size_t run = 0; run < runs; ++run) {
    for (size_t s = 0; s < steps; ++s) {
      sk_u32 weights[SK_GRADIENT_VECTORS];
      SK_UNROLL for (int v = 0; v < vectors; ++v) weights[v] = SK_LOAD_U32(panel + v * SK_LANES);
      SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
        const uint32_t word = *(const sk_word_at *)(at[r] + s * stride);
        SK_UNROLL for (int v = 0; v < vectors; ++v) own.of[r][v] = SK_DOT(own.of[r][v], weights[v], word);
      }
      panel += vectors * SK_LANES;
    }
    SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) at[r] += run_stride;
  }
  *sums = own;
}

// Sums of the weights' gradient: they are kept in memory between chunks of rows, [row][vectors][16].
SK_INLINE void SK_P(weight_tile)(int vectors, SK_SUM *kept, const uint32_t *panel, const char *dy, size_t steps) {
  SK_P(tile_sums) sums;
  const char *rows[SK_GRADIENT_ROWS];
  SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
    rows[r] = dy + r * 4;
    SK_UNROLL for (int v = 0; v < vectors; ++v) sums.of[r][v] = kept[r * vectors + v];
  }
  SK_P(sum_tile)(&sums, vectors, panel, rows, SK_GRADIENT_FILTERS * 4, steps, 1, 0);
  SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) kept[r * vectors + v] = sums.of[r][v];
  }
}

// How the rows of an input gradient's tile begin and end.
typedef struct SK_P(input_rows) {
  const char *at[SK_GRADIENT_ROWS];
  float scales[SK_GRADIENT_ROWS];  // int8: what 1 stands for
  int32_t sums[SK_GRADIENT_ROWS];  // int8: what is taken off, the sum of the row
  uint16_t pixels[SK_GRADIENT_ROWS];  // whose sums they are, in the chunk; SK_GRADIENT_PIXELS for nobody's
} SK_P(input_rows);

// The products of a tile and some taps as reals; integers get their row's scale here, tap by tap.
SK_INLINE void SK_P(input_products)(int vectors, sk_f32 (*values)[SK_GRADIENT_VECTORS], const uint32_t *panel,
                                    const SK_P(input_rows) *rows, size_t steps) {
  SK_P(tile_sums) sums;
#if SK_STEP == 4
  SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) sums.of[r][v] = (sk_i32)(-rows->sums[r]);
  }
  SK_P(sum_tile)(&sums, vectors, panel, rows->at, 4, steps, 1, 0);
  SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) {
      values[r][v] = SK_FMA((sk_f32)rows->scales[r], __builtin_convertvector(sums.of[r][v], sk_f32), values[r][v]);
    }
  }
#else
  SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) sums.of[r][v] = values[r][v];
  }
  SK_P(sum_tile)(&sums, vectors, panel, rows->at, 4, steps, 1, 0);
  SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) values[r][v] = sums.of[r][v];
  }
#endif
}

// Adds to sums that are kept between taps, [pixel][vectors][16].
SK_INLINE void SK_P(input_tile)(int vectors, sk_f32 *kept, const uint32_t *panel, const SK_P(input_rows) *rows,
                                size_t steps) {
  sk_f32 values[SK_GRADIENT_ROWS][SK_GRADIENT_VECTORS];
  SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) values[r][v] = kept[rows->pixels[r] * vectors + v];
  }
  SK_P(input_products)(vectors, values, panel, rows, steps);
  SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) kept[rows->pixels[r] * vectors + v] = values[r][v];
  }
}

// All there is: nothing is kept, the values of pixels [pixel, end) go where they belong.
SK_INLINE void SK_P(whole_input_tile)(int vectors, const sk_input_gradient *g, size_t pixel, size_t end, size_t column,
                                      const uint32_t *panel, const SK_P(input_rows) *rows, size_t steps) {
  sk_f32 values[SK_GRADIENT_ROWS][SK_GRADIENT_VECTORS] = {};
  SK_P(input_products)(vectors, values, panel, rows, steps);
  SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
    if (pixel + (size_t)r >= end) break;
    SK_UNROLL for (int v = 0; v < vectors; ++v) {
      SK_NAME(store_masked)(g, pixel + (size_t)r, column + (size_t)v, &values[r][v]);
    }
  }
}

// The widths that a layer's channels are cut into.
#define SK_EACH_WIDTH(call)                   \
  switch (width) {                            \
    case 1: call(1); break;                   \
    SK_WIDER(call)                            \
  }
#if SK_GRADIENT_VECTORS >= 4
#define SK_WIDER(call)      \
  case 2: call(2); break;   \
  case 3: call(3); break;   \
  default: call(4); break;
#else
#define SK_WIDER(call) default: break;
#endif
