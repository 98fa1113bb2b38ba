// SPDX-License-Identifier: Apache-2.0
//
// vpmaddubsw adds two products in 16 bits: at most 2 * 126 * 127, since levels are at most 126; nothing saturates.

SK_INLINE sk_i32 SK_NAME(dot_bytes)(sk_i32 sum, sk_u32 panel, uint32_t word) {
  __m256i halves[2], sums[2];
  memcpy(halves, &panel, sizeof halves);
  memcpy(sums, &sum, sizeof sums);
  const __m256i gradient = _mm256_set1_epi32((int)word), ones = _mm256_set1_epi16(1);
  SK_UNROLL for (int h = 0; h < 2; ++h) {
    sums[h] = _mm256_add_epi32(sums[h], _mm256_madd_epi16(_mm256_maddubs_epi16(halves[h], gradient), ones));
  }
  memcpy(&sum, sums, sizeof sum);
  return sum;
}
