// SPDX-License-Identifier: Apache-2.0
//
// Sums of bytes by lookup: a register holds the 32 sums of 5 bytes with every choice of signs, and a permutation picks
// one of them for each of 32 channels. With an addition that is 160 products in two instructions; VNNI makes 64 in one,
// and no more of them in a cycle. Sums fit 16 bits up to SK_BYTE_SUMS bytes of at most 127, and then go on in 32.

// Bits of an index, one for each byte of a group: where the dot product and the pack of `byte_sums` leave them.
static const uint8_t SK_NAME(byte_places)[5] = {0, 1, 3, 4, 2};

// What `byte_sums` takes bytes with: lane l has +1 for byte b if bit b of l is set, and -1 if not.
typedef struct SK_NAME(byte_signs) {
  __m512i four, start;
} SK_NAME(byte_signs);

SK_INLINE SK_NAME(byte_signs) SK_NAME(signs_of_bytes)(void) {
  const sk_i32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  sk_i32 four = 0, start = 0;
  for (int b = 0; b < 4; ++b) {
    const sk_i32 sign = (lane >> b & 1) * 2 - 1;
    four |= (sign & 0xFF) << 8 * b;
    // Bytes are unsigned there, 128 more than they are.
    start -= sign * 128;
  }
  return (SK_NAME(byte_signs)){(__m512i)four, (__m512i)start};
}

// The sums of 5 bytes, whose highest bits are inverted. Loads spread them over the register, which takes no execution
// port that the lookups need.
SK_INLINE __m512i SK_NAME(byte_sums)(const SK_NAME(byte_signs) *signs, const void *bytes) {
  int32_t first, last;
  memcpy(&first, bytes, sizeof first);
  memcpy(&last, (const char *)bytes + 1, sizeof last);
  const __m512i four = _mm512_dpbusd_epi32(signs->start, _mm512_set1_epi32(first), signs->four);
  const __m512i fifth = _mm512_sub_epi32(_mm512_srli_epi32(_mm512_set1_epi32(last), 24), _mm512_set1_epi32(128));
  return _mm512_packs_epi32(_mm512_sub_epi32(four, fifth), _mm512_add_epi32(four, fifth));
}

// 32 indices from the words of a group's filters or rows, a bit a channel; null for no bits.
SK_INLINE __m512i SK_NAME(byte_indices)(const uint32_t *const *words) {
  __m512i indices = _mm512_setzero_si512();
  for (int b = 0; b < 5; ++b) {
    if (!words[b]) continue;
    indices = _mm512_or_si512(
        indices, _mm512_maskz_set1_epi16((__mmask32)*words[b], (int16_t)(1 << SK_NAME(byte_places)[b])));
  }
  return indices;
}

// How many groups of `count` bytes are added up in 16 bits.
SK_INLINE size_t SK_NAME(byte_groups)(size_t count) {
  const size_t groups = (count + 4) / 5, passes = (count + SK_BYTE_SUMS - 1) / SK_BYTE_SUMS;
  const size_t each = (groups + passes - 1) / passes;
  return passes > 1 && each > SK_BYTE_SUMS / 5 ? SK_BYTE_SUMS / 5 : each;
}

typedef struct SK_NAME(byte_tile) {
  sk_i32 of[SK_LOOKUP_ROWS][3][2];
} SK_NAME(byte_tile);

// 16 of a vector's 32 sums.
SK_INLINE sk_i32 SK_NAME(widened)(__m512i sums, int half) {
  return (sk_i32)_mm512_cvtepi16_epi32(half ? _mm512_extracti64x4_epi64(sums, 1) : _mm512_castsi512_si256(sums));
}

// Sums of 6 rows of tables, [row][stride], by the indices [group][vectors][32]; a vector has 32 channels here.
SK_INLINE void SK_NAME(look_up_bytes)(int vectors, __m512i (*sums)[3], const __m512i *tables, size_t stride,
                                      const __m512i *indices, size_t groups) {
  __m512i own[SK_LOOKUP_ROWS][3];
  SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) own[r][v] = _mm512_setzero_si512();
  }
  for (size_t group = 0; group < groups; ++group) {
    __m512i table[SK_LOOKUP_ROWS];
    SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) table[r] = tables[(size_t)r * stride + group];
    SK_UNROLL for (int v = 0; v < vectors; ++v) {
      const __m512i index = indices[group * (size_t)vectors + (size_t)v];
      SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
        own[r][v] = _mm512_add_epi16(own[r][v], _mm512_permutexvar_epi16(index, table[r]));
      }
    }
  }
  SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) sums[r][v] = own[r][v];
  }
}
