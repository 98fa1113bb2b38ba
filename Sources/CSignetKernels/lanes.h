// SPDX-License-Identifier: Apache-2.0
//
// Up to 16 lanes from memory and back, and floats as bits.

SK_INLINE sk_f32 SK_NAME(load_lanes)(const float *from, uint32_t count) {
  sk_f32 lanes = 0;
  if (count == SK_LANES) return SK_LOAD_F32(from);
  memcpy(&lanes, from, count * sizeof(float));
  return lanes;
}

// 16 lanes, or the first `count` of them.
SK_INLINE void SK_NAME(store_lanes)(void *to, const void *from, uint32_t count) {
  if (count == SK_LANES) {
    memcpy(to, from, SK_LANES * 4);
  } else {
    memcpy(to, from, count * 4);
  }
}

SK_INLINE uint32_t SK_NAME(bits_of)(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

SK_INLINE float SK_NAME(from_bits)(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// The same for 16-bit and 8-bit lanes: a copy of a length that the compiler knows is one instruction, any other a call.
SK_INLINE void SK_NAME(store_shorts)(void *to, sk_i16 lanes, uint32_t count) {
  if (count == SK_LANES) {
    memcpy(to, &lanes, sizeof lanes);
  } else {
    memcpy(to, &lanes, count * sizeof(int16_t));
  }
}

SK_INLINE void SK_NAME(store_bytes)(void *to, sk_i8 lanes, uint32_t count) {
  if (count == SK_LANES) {
    memcpy(to, &lanes, sizeof lanes);
  } else {
    memcpy(to, &lanes, count);
  }
}

SK_INLINE sk_i8 SK_NAME(load_bytes)(const void *from, uint32_t count) {
  sk_i8 lanes = 0;
  if (count == SK_LANES) {
    memcpy(&lanes, from, sizeof lanes);
  } else {
    memcpy(&lanes, from, count);
  }
  return lanes;
}
