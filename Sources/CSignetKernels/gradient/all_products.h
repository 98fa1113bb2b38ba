// SPDX-License-Identifier: Apache-2.0
//
// The products of a binary layer's backward pass in every precision, compiled for the ISA of the including file.
//
// An ISA gives SK_GRADIENT_VECTORS, and dot_bytes; one with bfloat16 instructions gives SK_DOT_PAIRS as well.

#include "pack.h"
#ifdef SK_TILES
#include "tiles.h"
#endif
#include "masked.h"

#ifdef SK_TILES
#include "pack_tiles.h"
#define SK_HAS_TILES true
#else
#define SK_HAS_TILES false
#endif

#ifndef SK_DOT_PAIRS
// The high halves first, as the instructions that do both at once.
SK_INLINE sk_f32 SK_NAME(dot_pairs)(sk_f32 sum, sk_u32 panel, uint32_t word) {
  const sk_f32 high = (sk_f32)SK_NAME(from_bits)(word & 0xFFFF0000u), low = (sk_f32)SK_NAME(from_bits)(word << 16);
  sum = SK_FMA((sk_f32)(panel & 0xFFFF0000u), high, sum);
  return SK_FMA((sk_f32)(panel << 16), low, sum);
}
#define SK_DOT_PAIRS(sum, panel, word) SK_NAME(dot_pairs)(sum, panel, word)
#define SK_HAS_PAIRS SK_HAS_TILES
#else
#define SK_HAS_PAIRS true
#endif

#define SK_P(name) SK_NAME(name##_float32)
#define SK_STEP 1
#define SK_SUM sk_f32
#define SK_SCALAR float
#define SK_DOT(sum, panel, word) SK_FMA((sk_f32)(panel), (sk_f32)SK_NAME(from_bits)(word), sum)
#include "products.h"
#undef SK_P
#undef SK_STEP
#undef SK_DOT

#define SK_P(name) SK_NAME(name##_bfloat16)
#define SK_STEP 2
#define SK_DOT(sum, panel, word) SK_DOT_PAIRS(sum, panel, word)
#include "products.h"
#undef SK_P
#undef SK_STEP
#undef SK_DOT
#undef SK_SUM
#undef SK_SCALAR

#define SK_P(name) SK_NAME(name##_int8)
#define SK_STEP 4
#define SK_SUM sk_i32
#define SK_SCALAR int32_t
#define SK_DOT(sum, panel, word) SK_NAME(dot_bytes)(sum, panel, word)
#include "products.h"
#undef SK_P
#undef SK_STEP
#undef SK_DOT
#undef SK_SUM
#undef SK_SCALAR

static sk_column_counts SK_NAME(weight_columns)(const sk_weight_gradient *g) {
  (void)g;
  return (sk_column_counts){.usual = 4, .fewest = 4};
}

#ifdef SK_REAL_LOOKUP
#include "lookup_reals.h"
#include "input_lookup_reals.h"
#include "weight_lookup_reals.h"

static void SK_NAME(weight_gradient_any_bfloat16)(const sk_weight_gradient *g, size_t first_column, size_t end_column,
                                                  size_t first_tile, size_t end_tile, void *scratch) {
  if (SK_NAME(fits_of_reals)(g)) {
    SK_NAME(weight_gradient_of_reals)(g, first_column, end_column, first_tile, end_tile, scratch);
  } else {
    SK_NAME(weight_gradient_bfloat16)(g, first_column, end_column, first_tile, end_tile, scratch);
  }
}

static sk_column_counts SK_NAME(weight_columns_any_bfloat16)(const sk_weight_gradient *g) {
  if (!SK_NAME(fits_of_reals)(g)) return SK_NAME(weight_columns_bfloat16)(g);
  return (sk_column_counts){.usual = SK_LOOKUP_VECTORS, .fewest = SK_LOOKUP_FEWEST_COLUMNS, .by_lookup = true};
}

static void SK_NAME(input_gradient_any_bfloat16)(const sk_input_gradient *g, size_t begin, size_t end, void *scratch) {
  if (g->panel) {
    SK_NAME(input_gradient_of_reals)(g, begin, end, scratch);
  } else {
    SK_NAME(input_gradient_bfloat16)(g, begin, end, scratch);
  }
}
#endif

#ifdef SK_BYTE_LOOKUP
#include "lookup_bytes.h"
#include "input_lookup_bytes.h"
#include "weight_lookup_bytes.h"

static void SK_NAME(weight_gradient_any_int8)(const sk_weight_gradient *g, size_t first_column, size_t end_column,
                                              size_t first_tile, size_t end_tile, void *scratch) {
  if (SK_NAME(fits_of_bytes)(g)) {
    SK_NAME(weight_gradient_of_bytes)(g, first_column, end_column, first_tile, end_tile, scratch);
  } else {
    SK_NAME(weight_gradient_int8)(g, first_column, end_column, first_tile, end_tile, scratch);
  }
}

static sk_column_counts SK_NAME(weight_columns_any_int8)(const sk_weight_gradient *g) {
  if (!SK_NAME(fits_of_bytes)(g)) return SK_NAME(weight_columns_int8)(g);
  const size_t columns = SK_NAME(channel_columns_of_bytes)(g);
  return (sk_column_counts){.usual = SK_LOOKUP_VECTORS * columns / ((columns + 1) / 2),
                            .fewest = SK_LOOKUP_FEWEST_COLUMNS,
                            .by_lookup = true};
}

static void SK_NAME(input_gradient_any_int8)(const sk_input_gradient *g, size_t begin, size_t end, void *scratch) {
  if (g->panel) {
    SK_NAME(input_gradient_of_bytes)(g, begin, end, scratch);
  } else {
    SK_NAME(input_gradient_int8)(g, begin, end, scratch);
  }
}
#endif

const sk_gradients SK_NAME(sk_gradients) = {
    .products =
        {
            {.weight_gradient = SK_NAME(weight_gradient_float32),
             .weight_columns = SK_NAME(weight_columns),
             .input_gradient = SK_NAME(input_gradient_float32),
             .pad_images = SK_NAME(pad_images_float32),
             .convolution_panel = SK_NAME(convolution_panel_float32),
             .convolution = SK_NAME(convolution_float32),
             .peak = SK_NAME(peak_float32)},
            {
#if defined(SK_TILES)
             .weight_gradient = SK_NAME(weight_gradient_bfloat16),
             .weight_columns = SK_NAME(weight_columns),
             .input_gradient = SK_NAME(input_gradient_bfloat16),
             .input_panel_bytes = SK_NAME(input_panel_bytes_bfloat16),
             .input_panel = SK_NAME(input_panel_bfloat16),
#elif defined(SK_REAL_LOOKUP)
             .weight_gradient = SK_NAME(weight_gradient_any_bfloat16),
             .weight_columns = SK_NAME(weight_columns_any_bfloat16),
             .input_gradient = SK_NAME(input_gradient_any_bfloat16),
             .input_panel_bytes = SK_NAME(input_panel_bytes_of_reals),
             .input_panel = SK_NAME(input_panel_of_reals),
#else
             .weight_gradient = SK_NAME(weight_gradient_bfloat16),
             .weight_columns = SK_NAME(weight_columns),
             .input_gradient = SK_NAME(input_gradient_bfloat16),
#endif
             .pad_images = SK_NAME(pad_images_bfloat16),
             .convolution_panel = SK_NAME(convolution_panel_bfloat16),
             .convolution = SK_NAME(convolution_bfloat16),
             .peak = SK_NAME(peak_bfloat16)},
            {
#if defined(SK_TILES)
             .weight_gradient = SK_NAME(weight_gradient_int8),
             .weight_columns = SK_NAME(weight_columns),
             .input_gradient = SK_NAME(input_gradient_int8),
             .input_panel_bytes = SK_NAME(input_panel_bytes_int8),
             .input_panel = SK_NAME(input_panel_int8),
#elif defined(SK_BYTE_LOOKUP)
             .weight_gradient = SK_NAME(weight_gradient_any_int8),
             .weight_columns = SK_NAME(weight_columns_any_int8),
             .input_gradient = SK_NAME(input_gradient_any_int8),
             .input_panel_bytes = SK_NAME(input_panel_bytes_of_bytes),
             .input_panel = SK_NAME(input_panel_of_bytes),
#else
             .weight_gradient = SK_NAME(weight_gradient_int8),
             .weight_columns = SK_NAME(weight_columns),
             .input_gradient = SK_NAME(input_gradient_int8),
#endif
             .peak = SK_NAME(peak_int8)},
        },
    .name = SK_GRADIENTS_NAME,
    .has_tiles = SK_HAS_TILES,
#ifdef SK_TILES
    .pack = SK_NAME(pack_any_gradient),
#else
    .pack = SK_NAME(pack_gradient),
#endif
    .maxima = SK_NAME(gradient_maxima),
    .sums = SK_NAME(gradient_sums),
    .round = SK_NAME(round_gradient),
    .widen = SK_NAME(widen_gradient),
    .has_bfloat16 = SK_HAS_PAIRS,
};
