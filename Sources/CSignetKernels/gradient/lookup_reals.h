// SPDX-License-Identifier: Apache-2.0
//
// Sums of reals by lookup: a register holds the 16 sums of 4 reals with every choice of signs, and a permutation picks
// one of them for each of 16 channels. With an addition that is 64 products in two instructions, and all of it in
// float32; an instruction for pairs of bfloat16 makes 32.

// The sums of 4 reals: lane l has +x[i] if bit i of l is set, and -x[i] if not.
SK_INLINE sk_f32 SK_NAME(real_sums)(const float *x) {
  const sk_i32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  sk_f32 sums = 0;
  SK_UNROLL for (int i = 0; i < 4; ++i) {
    const sk_f32 sign = __builtin_convertvector((lane >> i & 1) * 2 - 1, sk_f32);
    sums = SK_FMA(sign, (sk_f32)x[i], sums);
  }
  return sums;
}

// Indices of a group for 16 channels, from half words of its 4 filters or rows, a bit a channel; null for no bits.
SK_INLINE __m512i SK_NAME(real_indices)(const uint16_t *const *halves) {
  __m512i indices = _mm512_setzero_si512();
  for (int b = 0; b < 4; ++b) {
    if (!halves[b]) continue;
    indices = _mm512_or_si512(indices, _mm512_maskz_set1_epi32((__mmask16)*halves[b], (int32_t)(1u << b)));
  }
  return indices;
}

// Adds a looked-up sum. Permutations and additions share an execution port on a Zen 4, so every third addition is a
// multiplication by 1 that adds, on a port that they leave free; it rounds as the addition does.
SK_INLINE sk_f32 SK_NAME(add_looked_up)(int place, sk_f32 sum, sk_f32 value, sk_f32 one) {
  return place % 3 == 1 ? SK_FMA(value, one, sum) : sum + value;
}

// Adds sums of 6 rows of tables, [row][stride], by the indices [group][vectors][16].
SK_INLINE void SK_NAME(look_up_reals)(int vectors, sk_f32 (*sums)[3], const __m512i *tables, size_t stride,
                                      const __m512i *indices, size_t groups) {
  sk_f32 own[SK_LOOKUP_ROWS][3];
  SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) own[r][v] = sums[r][v];
  }
  // The compiler must not know that it is 1.
  sk_f32 one = (sk_f32)1.0f;
  __asm__("" : "+v"(one));
  for (size_t group = 0; group < groups; ++group) {
    __m512 table[SK_LOOKUP_ROWS];
    SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) table[r] = (__m512)tables[(size_t)r * stride + group];
    SK_UNROLL for (int v = 0; v < vectors; ++v) {
      const __m512i index = indices[group * (size_t)vectors + (size_t)v];
      SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
        const sk_f32 value = (sk_f32)_mm512_permutexvar_ps(index, table[r]);
        own[r][v] = SK_NAME(add_looked_up)(v * SK_LOOKUP_ROWS + r, own[r][v], value, one);
      }
    }
  }
  SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) sums[r][v] = own[r][v];
  }
}
