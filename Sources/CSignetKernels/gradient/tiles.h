// SPDX-License-Identifier: Apache-2.0
//
// AMX: products of whole tiles. A tile register holds 16 rows of 64 bytes; one instruction multiplies 16 rows of the
// left operand, 16 words each, by 16 words of 16 columns, and adds to 16 x 16 sums.
//
// Left operands are [row][16 words], so a row's words lie along the reduction; right operands are [word][16 columns],
// which is what bits are expanded to. All tiles are full: what there is less of is padded with zeros.

typedef struct __attribute__((packed)) SK_NAME(tile_shapes) {
  uint8_t palette, start, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} SK_NAME(tile_shapes);

#define SK_TILE_BYTES 1024

typedef uint16_t SK_NAME(order_of_words) __attribute__((vector_size(64)));

SK_INLINE void SK_NAME(begin_tiles)(void) {
  static const SK_NAME(tile_shapes) shapes __attribute__((aligned(64))) = {
      .palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
  _tile_loadconfig(&shapes);
}

SK_INLINE void SK_NAME(end_tiles)(void) { _tile_release(); }

// Operands along the reduction, in blocks of 16 words.
typedef struct SK_NAME(tile_operands) {
  const char *left;
  size_t left_row;     // bytes from one row to the next; 64 where there is but one tile of rows
  size_t left_step;    // bytes from one block to the next
  size_t left_tile;    // bytes from one tile of rows to the next
  const char *right;
  size_t right_step;
  size_t right_row;    // bytes from one word to the next
  size_t right_tile;   // bytes from one tile of columns to the next
  size_t blocks;
} SK_NAME(tile_operands);

// Up to 4 tiles of sums lie in tile registers 0 to 3, in memory `tile` bytes apart, their rows `row` bytes apart.
#define SK_LOAD_SUMS(tiles, from, row, tile)                                      \
  do {                                                                            \
    _tile_loadd(0, (from), (row));                                                \
    if ((tiles) > 1) _tile_loadd(1, (const char *)(from) + (tile), (row));        \
    if ((tiles) > 2) _tile_loadd(2, (const char *)(from) + 2 * (tile), (row));    \
    if ((tiles) > 3) _tile_loadd(3, (const char *)(from) + 3 * (tile), (row));    \
  } while (0)

#define SK_STORE_SUMS(tiles, to, row, tile)                                 \
  do {                                                                      \
    _tile_stored(0, (to), (row));                                           \
    if ((tiles) > 1) _tile_stored(1, (char *)(to) + (tile), (row));         \
    if ((tiles) > 2) _tile_stored(2, (char *)(to) + 2 * (tile), (row));     \
    if ((tiles) > 3) _tile_stored(3, (char *)(to) + 3 * (tile), (row));     \
  } while (0)

SK_INLINE void SK_NAME(zero_sums)(void) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

// One tile of rows by some tiles of columns: for left operands that come from further away than right ones.
#define SK_ADD_WIDE(DOT, tiles, o)                                                                    \
  do {                                                                                                \
    const char *left = (o).left, *right = (o).right;                                                  \
    for (size_t block = 0; block < (o).blocks; ++block, left += (o).left_step, right += (o).right_step) { \
      _tile_loadd(4, left, 64);                                                                       \
      _tile_loadd(6, right, (o).right_row);                                                           \
      DOT(0, 4, 6);                                                                                   \
      if ((tiles) > 1) {                                                                              \
        _tile_loadd(7, right + (o).right_tile, (o).right_row);                                        \
        DOT(1, 4, 7);                                                                                 \
      }                                                                                               \
      if ((tiles) > 2) {                                                                              \
        _tile_loadd(5, right + 2 * (o).right_tile, (o).right_row);                                    \
        DOT(2, 4, 5);                                                                                 \
      }                                                                                               \
      if ((tiles) > 3) {                                                                              \
        _tile_loadd(6, right + 3 * (o).right_tile, (o).right_row);                                    \
        DOT(3, 4, 6);                                                                                 \
      }                                                                                               \
    }                                                                                                 \
  } while (0)

// The same for 2 x 2 tiles, or fewer: registers 0 and 1 are the first row of tiles, 2 and 3 the second one.
#define SK_LOAD_SQUARE(tall, wide, from, row, down)                                              \
  do {                                                                                           \
    _tile_loadd(0, (from), (row));                                                               \
    if ((wide) > 1) _tile_loadd(1, (const char *)(from) + 64, (row));                            \
    if ((tall) > 1) _tile_loadd(2, (const char *)(from) + (down), (row));                        \
    if ((tall) > 1 && (wide) > 1) _tile_loadd(3, (const char *)(from) + (down) + 64, (row));     \
  } while (0)

#define SK_STORE_SQUARE(tall, wide, to, row, down)                                        \
  do {                                                                                    \
    _tile_stored(0, (to), (row));                                                         \
    if ((wide) > 1) _tile_stored(1, (char *)(to) + 64, (row));                            \
    if ((tall) > 1) _tile_stored(2, (char *)(to) + (down), (row));                        \
    if ((tall) > 1 && (wide) > 1) _tile_stored(3, (char *)(to) + (down) + 64, (row));     \
  } while (0)

#define SK_ADD_SQUARE(DOT, tall, wide, o)                                                             \
  do {                                                                                                \
    const char *left = (o).left, *right = (o).right;                                                  \
    for (size_t block = 0; block < (o).blocks; ++block, left += (o).left_step, right += (o).right_step) { \
      _tile_loadd(6, right, (o).right_row);                                                           \
      _tile_loadd(4, left, (o).left_row);                                                             \
      DOT(0, 4, 6);                                                                                   \
      if ((wide) > 1) {                                                                               \
        _tile_loadd(7, right + (o).right_tile, (o).right_row);                                        \
        DOT(1, 4, 7);                                                                                 \
      }                                                                                               \
      if ((tall) > 1) {                                                                               \
        _tile_loadd(5, left + (o).left_tile, (o).left_row);                                           \
        DOT(2, 5, 6);                                                                                 \
        if ((wide) > 1) DOT(3, 5, 7);                                                                 \
      }                                                                                               \
    }                                                                                                 \
  } while (0)

// `call(tiles)` with a constant, for 1 to 4.
#define SK_EACH_TILE_COUNT(tiles, call) \
  switch (tiles) {                      \
    case 1: call(1); break;             \
    case 2: call(2); break;             \
    case 3: call(3); break;             \
    default: call(4); break;            \
  }

// 16 vectors of 16 words, turned: to[lane][vector].
SK_INLINE void SK_NAME(turn_words)(const __m512i *from, void *to) {
  __m512i pairs[16], fours[16];
  SK_UNROLL for (int i = 0; i < 8; ++i) {
    pairs[2 * i] = _mm512_unpacklo_epi32(from[2 * i], from[2 * i + 1]);
    pairs[2 * i + 1] = _mm512_unpackhi_epi32(from[2 * i], from[2 * i + 1]);
  }
  SK_UNROLL for (int i = 0; i < 4; ++i) {
    fours[4 * i] = _mm512_unpacklo_epi64(pairs[4 * i], pairs[4 * i + 2]);
    fours[4 * i + 1] = _mm512_unpackhi_epi64(pairs[4 * i], pairs[4 * i + 2]);
    fours[4 * i + 2] = _mm512_unpacklo_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
    fours[4 * i + 3] = _mm512_unpackhi_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
  }
  // Lane L of 128 bits of fours[4i + j] is word 4L + j of vectors 4i to 4i + 3.
  SK_UNROLL for (int j = 0; j < 4; ++j) {
    const __m512i even_low = _mm512_shuffle_i32x4(fours[j], fours[4 + j], 0x88);
    const __m512i odd_low = _mm512_shuffle_i32x4(fours[j], fours[4 + j], 0xDD);
    const __m512i even_high = _mm512_shuffle_i32x4(fours[8 + j], fours[12 + j], 0x88);
    const __m512i odd_high = _mm512_shuffle_i32x4(fours[8 + j], fours[12 + j], 0xDD);
    char *row = (char *)to + j * 64;
    _mm512_storeu_si512(row, _mm512_shuffle_i32x4(even_low, even_high, 0x88));
    _mm512_storeu_si512(row + 4 * 64, _mm512_shuffle_i32x4(odd_low, odd_high, 0x88));
    _mm512_storeu_si512(row + 8 * 64, _mm512_shuffle_i32x4(even_low, even_high, 0xDD));
    _mm512_storeu_si512(row + 12 * 64, _mm512_shuffle_i32x4(odd_low, odd_high, 0xDD));
  }
}
