// SPDX-License-Identifier: Apache-2.0
//
// bfloat16: the upper half of a float. Gradients may be kept in it.

// Rounds to nearest, ties to even. Every NaN becomes the same one: rounding its bits might make a number of it.
// In the upper half; what is in the lower one has no meaning.
SK_INLINE sk_u32 SK_NAME(rounded_to_bfloat16)(sk_f32 value) {
  const sk_u32 bits = SK_SELECT(value == value, (sk_u32)value, (sk_u32)0x7FC00000u);
  return bits + 0x7FFFu + ((bits >> 16) & 1u);
}

SK_INLINE sk_u32 SK_NAME(to_bfloat16)(sk_f32 value) { return SK_NAME(rounded_to_bfloat16)(value) >> 16; }

SK_INLINE uint16_t SK_NAME(bfloat16_of)(float value) {
  const uint32_t bits = value == value ? SK_NAME(bits_of)(value) : 0x7FC00000u;
  return (uint16_t)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

SK_INLINE sk_u32 SK_NAME(load_shorts)(const uint16_t *from, uint32_t count) {
  if (count == SK_LANES) return __builtin_convertvector(*(const sk_u16_at *)from, sk_u32);
  sk_u16 lanes = 0;
  memcpy(&lanes, from, count * sizeof(uint16_t));
  return __builtin_convertvector(lanes, sk_u32);
}

SK_INLINE sk_f32 SK_NAME(load_gradient_lanes)(const void *from, sk_precision kind, size_t at, uint32_t count) {
  if (kind == SK_PRECISION_FLOAT32) return SK_NAME(load_lanes)((const float *)from + at, count);
  return (sk_f32)(SK_NAME(load_shorts)((const uint16_t *)from + at, count) << 16);
}

SK_INLINE void SK_NAME(store_gradient)(void *to, sk_precision kind, size_t at, const sk_f32 *value, uint32_t count) {
  if (kind == SK_PRECISION_FLOAT32) {
    SK_NAME(store_lanes)((float *)to + at, value, count);
    return;
  }
  const sk_u16 shorts = __builtin_convertvector(SK_NAME(to_bfloat16)(*value), sk_u16);
  if (count == SK_LANES) {
    memcpy((uint16_t *)to + at, &shorts, sizeof shorts);
  } else {
    memcpy((uint16_t *)to + at, &shorts, count * sizeof(uint16_t));
  }
}
