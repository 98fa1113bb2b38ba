// SPDX-License-Identifier: Apache-2.0
//
// A step is vpmaddwd and vpaddd on 16-bit values: exact, where vpmaddubsw would saturate at 2 * 255 * 127. Bytes are
// widened in place, the even and the odd ones apart, by shifts and a mask that never leave a lane. A part has eight
// channels; 5 rows x 1 vector are 10 sums, 4 widened weights and an activation's two halves in 16 registers.
#define SK_PIXEL SK_NAME
#define SK_PIXEL_ROWS 5
#define SK_PIXEL_VECTORS 1
#define SK_PIXEL_PARTS 2
#define SK_PIXEL_LOWERED 0
#define SK_PIXEL_OPAQUE(x) __asm__ volatile("" : "+x"((x).even), "+x"((x).odd))

typedef struct sk_pixel_halves {
  __m256i even, odd;
} sk_pixel_halves;

typedef sk_pixel_halves sk_pixel_activation;
typedef sk_pixel_halves sk_pixel_weights;
typedef __m256i sk_pixel_sums;

SK_INLINE sk_pixel_activation SK_PIXEL(pixel_spread)(const uint8_t *at) {
  int32_t four;
  memcpy(&four, at, 4);
  const __m256i bytes = _mm256_set1_epi32(four);
  return (sk_pixel_halves){_mm256_and_si256(bytes, _mm256_set1_epi16(255)), _mm256_srli_epi16(bytes, 8)};
}

SK_INLINE sk_pixel_weights SK_PIXEL(pixel_weights)(const int8_t *panel) {
  const __m256i bytes = _mm256_loadu_si256((const __m256i *)panel);
  return (sk_pixel_halves){_mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), _mm256_srai_epi16(bytes, 8)};
}

SK_INLINE sk_pixel_sums SK_PIXEL(pixel_add)(sk_pixel_sums sums, sk_pixel_activation activation,
                                           sk_pixel_weights weights) {
  sums = _mm256_add_epi32(sums, _mm256_madd_epi16(activation.even, weights.even));
  return _mm256_add_epi32(sums, _mm256_madd_epi16(activation.odd, weights.odd));
}

SK_INLINE sk_i32 SK_PIXEL(pixel_total)(const sk_pixel_sums *sums) {
  sk_i32 total;
  memcpy(&total, sums, sizeof total);
  return total;
}
