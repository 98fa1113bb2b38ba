// SPDX-License-Identifier: Apache-2.0
//
// dX from bytes by lookup; the integers are those of input_gradient.h, and so are the reals that follow.

#define SK_L(name) SK_NAME(name##_of_bytes)
#define SK_L_LANES 32

SK_INLINE size_t SK_L(depth)(size_t filters) { return (filters + 4) / 5; }

// Whether it is the faster way, for a layer of so many vectors of channels under all taps; tables cost about as much as
// three of them. Beyond SK_GRADIENT_DEPTH words or with a part of one, input_gradient.h rounds in the middle of a sum.
SK_INLINE int SK_L(pays)(const sk_input_gradient *g, size_t vectors) {
  return vectors >= 8 && g->filters % 4 == 0 && g->filters >= 32 && g->filters <= 4 * SK_GRADIENT_DEPTH;
}

SK_INLINE void SK_L(index_column)(const sk_input_gradient *g, size_t tap, size_t vector, __m512i *to, size_t step) {
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  for (size_t f = 0; f < g->filters; f += 5, to += step) {
    const uint32_t *words[5];
    for (size_t b = 0; b < 5; ++b) {
      words[b] = f + b < g->filters ? g->weights + ((f + b) * taps + tap) * g->words + vector : 0;
    }
    *to = SK_NAME(byte_indices)(words);
  }
}

SK_INLINE void SK_L(input_tables)(const sk_input_gradient *g, size_t row, void *buffer, __m512i *tables) {
  const SK_NAME(byte_signs) signs = SK_NAME(signs_of_bytes)();
  uint8_t *bytes = buffer;
  const uint8_t *from = (const uint8_t *)g->dy + row * g->row_bytes;
  // The last group ends behind the last byte: there are zeros.
  for (size_t f = 0; f <= g->filters; f += 64) {
    const size_t left = g->filters - f;
    const __mmask64 mask = left >= 64 ? ~0ull : (1ull << left) - 1;
    _mm512_storeu_si512(bytes + f, _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, from + f), _mm512_set1_epi8(-128)));
  }
  for (size_t f = 0; f < g->filters; f += 5) *tables++ = SK_NAME(byte_sums)(&signs, bytes + f);
}

// Groups of a pass over all taps; between passes, sums are kept as integers of 32 bits.
SK_INLINE size_t SK_L(pass)(size_t filters) { return SK_NAME(byte_groups)(filters); }

#define SK_L_KEPT SK_NAME(byte_tile)
#include "input_lookup.h"

SK_INLINE void SK_L(input_sums)(int vectors, const sk_input_gradient *g, const SK_L(tile_rows) *rows,
                                const SK_L(lookup) *l) {
  __m512i sums[SK_LOOKUP_ROWS][3];
  SK_NAME(look_up_bytes)(vectors, sums, l->tables, l->stride, l->indices, l->groups);
  SK_NAME(byte_tile) *between = l->between;
  SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
    const sk_f32 scale = (sk_f32)g->scales[rows->row[r]];
    SK_UNROLL for (int v = 0; v < vectors; ++v) {
      SK_UNROLL for (int half = 0; half < 2; ++half) {
        sk_i32 value = SK_NAME(widened)(sums[r][v], half);
        if (!l->is_first) value += between->of[r][v][half];
        if (l->is_last) {
          sk_f32 *kept = l->to[r] + 2 * v + half;
          *kept = SK_FMA(scale, __builtin_convertvector(value, sk_f32), *kept);
        } else {
          between->of[r][v][half] = value;
        }
      }
    }
  }
}

#undef SK_L_KEPT
#undef SK_L
#undef SK_L_LANES
