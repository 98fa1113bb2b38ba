// SPDX-License-Identifier: Apache-2.0
//
// Bits to the +-1 operand of a product: for each of 16 channels one 32-bit word with SK_STEP neighbours along the
// reduction (1 float, 2 bfloat16, 4 bytes). A place outside the image, or behind the last filter, becomes 0.

// Halves of 16 channels at the places of a step; null where there is none.
typedef struct SK_P(places) {
  const uint16_t *plane[SK_STEP];
} SK_P(places);

// The value of each code (bit m of a code is plane m's), as operands.
typedef struct SK_P(level_table) {
  uint32_t words[16];
} SK_P(level_table);

SK_INLINE SK_P(level_table) SK_P(table_of)(const float *levels, uint32_t planes, float quantum) {
  SK_P(level_table) table = {};
  for (uint32_t code = 0; code < 1u << planes; ++code) {
#if SK_STEP == 1
    table.words[code] = SK_NAME(bits_of)(levels[code]);
    (void)quantum;
#elif SK_STEP == 2
    table.words[code / 2] |= (uint32_t)SK_NAME(bfloat16_of)(levels[code]) << (code % 2 * 16);
    (void)quantum;
#else
    const float q = levels[code] / quantum;
    const int32_t rounded = (int32_t)(q < 0 ? q - 0.5f : q + 0.5f);
    table.words[code / 4] |= ((uint32_t)rounded & 0xFF) << (code % 4 * 8);
#endif
  }
  return table;
}

#ifdef SK_MASK_REGISTERS
// A mask register holds a half: one instruction for each bit of a code, one look-up.
SK_INLINE sk_u32 SK_P(expand)(const SK_P(level_table) *table, SK_P(places) places, size_t plane_halves,
                              uint32_t planes, uint32_t offset) {
  __m512i code = _mm512_setzero_si512();
  uint32_t outside = 0;
  for (uint32_t e = 0; e < SK_STEP; ++e) {
    if (!places.plane[e]) {
      outside |= 0x80u << (e * 32 / SK_STEP);
      continue;
    }
    for (uint32_t m = 0; m < planes; ++m) {
      const __m512i bit = _mm512_set1_epi32((int)(1u << (m + e * 32 / SK_STEP)));
      code = _mm512_mask_or_epi32(code, places.plane[e][m * plane_halves], code, bit);
    }
  }
  const __m512i values = _mm512_loadu_si512(table->words);
#if SK_STEP == 1
  (void)offset;
  return (sk_u32)(outside ? _mm512_setzero_si512() : _mm512_permutexvar_epi32(code, values));
#elif SK_STEP == 2
  // Index 16 and up is the table's upper half: zeros.
  (void)offset;
  code = _mm512_or_si512(code, _mm512_set1_epi32((int)(outside >> 3)));
  return (sk_u32)_mm512_permutexvar_epi16(code, values);
#else
  // A byte with its high bit set gives 0.
  code = _mm512_or_si512(code, _mm512_set1_epi32((int)outside));
  const __m512i lanes = _mm512_shuffle_i32x4(values, values, 0);
  return (sk_u32)_mm512_add_epi8(_mm512_shuffle_epi8(lanes, code), _mm512_set1_epi8((char)offset));
#endif
}
#else
SK_INLINE sk_u32 SK_P(expand)(const SK_P(level_table) *table, SK_P(places) places, size_t plane_halves,
                              uint32_t planes, uint32_t offset) {
  const sk_u32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const uint32_t width = 32 / SK_STEP, ones = width == 32 ? ~0u : (1u << width % 32) - 1;
  sk_u32 out = 0;
  (void)offset;
  for (uint32_t e = 0; e < SK_STEP; ++e) {
#if SK_STEP == 4
    const uint32_t zero = (offset & ones) << (e * width);
#else
    const uint32_t zero = 0;
#endif
    if (!places.plane[e]) {
      out |= zero;
      continue;
    }
    sk_u32 code = 0;
    for (uint32_t m = 0; m < planes; ++m) {
      code |= (((sk_u32)(uint32_t)places.plane[e][m * plane_halves] >> lane) & 1u) << m;
    }
    // Selected code by code: there are two of them in most networks.
    sk_u32 value = 0;
    for (uint32_t c = 0; c < 1u << planes; ++c) {
      uint32_t level = (table->words[c / SK_STEP] >> (c % SK_STEP * width)) & ones;
#if SK_STEP == 4
      level = (level + offset) & ones;
#endif
      value = SK_SELECT((sk_i32)(code == c), (sk_u32)level, value);
    }
    out |= value << (e * width % 32);
  }
  return out;
}
#endif
