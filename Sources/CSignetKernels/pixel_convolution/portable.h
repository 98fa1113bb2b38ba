// SPDX-License-Identifier: Apache-2.0
//
// Convolution of bytes with signed bytes in 32-bit integers: the first layer of a network that reads pixels.
//
// A tile is SK_PIXEL_ROWS output pixels by up to SK_PIXEL_VECTORS vectors of 16 output channels. A kernel row is one
// run of bytes in the padded image, so four of them are an activation, whatever the number of channels; it is spread
// over the lanes and meets four weights in each. Sums are integers below 2^31 in any order: no ISA can differ.
//
// The including file defines SK_PIXEL(name), SK_PIXEL_ROWS, SK_PIXEL_VECTORS, and what a step is made of:
//   SK_PIXEL_PARTS          registers that the sums of 16 channels take
//   sk_pixel_activation     four bytes, spread; pixel_spread makes one
//   sk_pixel_weights        the weights of one part; pixel_weights loads them
//   sk_pixel_sums           the sums of one part; pixel_add adds the products of a step to them
//   pixel_total             the parts of 16 channels as one vector
//   SK_PIXEL_OPAQUE(x)      an activation that the compiler knows nothing of
//   SK_PIXEL_LOWERED        what pixel_spread takes off every byte (0, or 128 where both operands must be signed)

typedef void SK_PIXEL(pixel_tile)(const sk_pixel_convolution *, const uint8_t *const *, size_t, size_t);

// One tile: ROWS output pixels whose windows begin at `at`; blocks [block, block + VECTORS).
#define SK_PIXEL_TILE(ROWS, VECTORS)                                                                                   \
  static __attribute__((noinline)) void SK_PIXEL(pixel_tile_##ROWS##x##VECTORS)(                                       \
      const sk_pixel_convolution *c, const uint8_t *const *at, size_t block, size_t pixel) {                           \
    const size_t height = (size_t)c->window.kernel_height, quads = c->quads, stream = height * quads * 64;             \
    const int8_t *panel = c->panel + block * stream;                                                                   \
    sk_pixel_sums sums[ROWS][VECTORS][SK_PIXEL_PARTS] = {};                                                            \
    for (size_t row = 0, offset = 0; row < height; ++row, offset += c->row_bytes - 4 * quads) {                        \
      for (size_t quad = 0; quad < quads; ++quad, offset += 4, panel += 64) {                                          \
        sk_pixel_weights weights[VECTORS][SK_PIXEL_PARTS];                                                             \
        SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                  \
          SK_UNROLL for (int part = 0; part < SK_PIXEL_PARTS; ++part) {                                                \
            weights[v][part] = SK_PIXEL(pixel_weights)(panel + v * stream + part * (64 / SK_PIXEL_PARTS));             \
          }                                                                                                            \
        }                                                                                                              \
        SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                     \
          const sk_pixel_activation activation = SK_PIXEL(pixel_spread)(at[r] + offset);                               \
          SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                \
            SK_UNROLL for (int part = 0; part < SK_PIXEL_PARTS; ++part) {                                              \
              sums[r][v][part] = SK_PIXEL(pixel_add)(sums[r][v][part], activation, weights[v][part]);                  \
            }                                                                                                          \
          }                                                                                                            \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
    const sk_output *out = &c->output;                                                                                 \
    const size_t lane = block * SK_LANES;                                                                              \
    if (out->kind >= SK_OUTPUT_CODES && out->planes == 1) {                                                            \
      SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                    \
        const sk_i32 start = SK_LOAD_I32(out->start + lane + v * SK_LANES) +                                           \
                             SK_PIXEL_LOWERED * SK_LOAD_I32(c->weight_sums + lane + v * SK_LANES);                     \
        const sk_u32 width = SK_LOAD_U32(out->width + lane + v * SK_LANES);                                            \
        uint16_t *halves = (uint16_t *)out->data + pixel * out->pixel_stride + c->blocks[block + v].position;          \
        SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                     \
          halves[r * out->pixel_stride] = SK_BITS((sk_u32)(SK_PIXEL(pixel_total)(sums[r][v]) + start) < width);        \
        }                                                                                                              \
      }                                                                                                                \
      return;                                                                                                          \
    }                                                                                                                  \
    sk_i32 totals[ROWS * VECTORS];                                                                                     \
    SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                      \
      const sk_i32 lowered = SK_PIXEL_LOWERED * SK_LOAD_I32(c->weight_sums + lane + v * SK_LANES);                     \
      SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                       \
        totals[r * VECTORS + v] = SK_PIXEL(pixel_total)(sums[r][v]) + lowered;                                         \
      }                                                                                                                \
    }                                                                                                                  \
    SK_NAME(finish_pixels)(c, totals, ROWS, VECTORS, block, pixel);                                                    \
  }

#define SK_PIXEL_TILES(VECTORS)                                                              \
  SK_PIXEL_TILE(1, VECTORS)                                                                  \
  SK_PIXEL_TILE(2, VECTORS)                                                                  \
  SK_PIXEL_TILE(3, VECTORS)                                                                  \
  SK_PIXEL_TILE(4, VECTORS)                                                                  \
  SK_PIXEL_TILE(5, VECTORS)                                                                  \
  SK_PIXEL_TILE(6, VECTORS)                                                                  \
  static SK_PIXEL(pixel_tile) *const SK_PIXEL(pixel_tiles_x##VECTORS)[] = {                  \
      SK_PIXEL(pixel_tile_1x##VECTORS), SK_PIXEL(pixel_tile_2x##VECTORS),                    \
      SK_PIXEL(pixel_tile_3x##VECTORS), SK_PIXEL(pixel_tile_4x##VECTORS),                    \
      SK_PIXEL(pixel_tile_5x##VECTORS), SK_PIXEL(pixel_tile_6x##VECTORS)};

SK_PIXEL_TILES(1)
#if SK_PIXEL_VECTORS >= 2
SK_PIXEL_TILES(2)
#endif
#if SK_PIXEL_VECTORS >= 4
SK_PIXEL_TILES(4)
#endif

// Tiles that share a pass over a panel, which then stays in the first cache.
#define SK_PIXEL_RUN (8 * SK_PIXEL_ROWS)

static void SK_PIXEL(pixel_convolution)(const sk_pixel_convolution *c, size_t begin, size_t end, size_t first_block,
                                       size_t end_block) {
  const sk_window w = c->window;
  const size_t width = (size_t)w.out_width, height = (size_t)w.out_height;
  const size_t image_bytes = (size_t)w.in_height * c->row_bytes;
  const size_t down = (size_t)w.stride_height * c->row_bytes, right = (size_t)w.stride_width * c->channels;
  size_t image = begin / (width * height), y = begin / width % height, x = begin % width;
  const uint8_t *at[SK_PIXEL_RUN];
  for (size_t first = begin; first < end; first += SK_PIXEL_RUN) {
    const size_t count = end - first < SK_PIXEL_RUN ? end - first : SK_PIXEL_RUN;
    for (size_t p = 0; p < count; ++p) {
      at[p] = c->input + image * image_bytes + y * down + x * right;
      if (++x == width) x = 0, ++y;
      if (y == height) y = 0, ++image;
    }
    size_t block = first_block;
#define SK_PIXEL_PASSES(VECTORS)                                                                  \
  for (; block + VECTORS <= end_block; block += VECTORS) {                                        \
    for (size_t p = 0; p < count; p += SK_PIXEL_ROWS) {                                           \
      const size_t rows = count - p < SK_PIXEL_ROWS ? count - p : SK_PIXEL_ROWS;                  \
      SK_PIXEL(pixel_tiles_x##VECTORS)[rows - 1](c, at + p, block, first + p);                    \
    }                                                                                             \
  }
#if SK_PIXEL_VECTORS >= 4
    SK_PIXEL_PASSES(4)
#endif
#if SK_PIXEL_VECTORS >= 2
    SK_PIXEL_PASSES(2)
#endif
    SK_PIXEL_PASSES(1)
#undef SK_PIXEL_PASSES
  }
}

// The most that one core does of the steps above, on registers alone.
static double SK_PIXEL(peak_bytes)(size_t rounds) {
  static const uint8_t bytes[4] = {7, 200, 31, 90};
  static const int8_t weights[64] = {3, -5, 7, 11};
  sk_pixel_sums sums[SK_PIXEL_ROWS][SK_PIXEL_VECTORS][SK_PIXEL_PARTS] = {};
  sk_pixel_activation activation = SK_PIXEL(pixel_spread)(bytes);
  const sk_pixel_weights own = SK_PIXEL(pixel_weights)(weights);
  for (size_t round = 0; round < rounds; ++round) {
    SK_UNROLL for (int r = 0; r < SK_PIXEL_ROWS; ++r) {
      SK_UNROLL for (int v = 0; v < SK_PIXEL_VECTORS; ++v) {
        SK_UNROLL for (int part = 0; part < SK_PIXEL_PARTS; ++part) {
          SK_PIXEL_OPAQUE(activation);
          sums[r][v][part] = SK_PIXEL(pixel_add)(sums[r][v][part], activation, own);
        }
      }
    }
  }
  __asm__ volatile("" : : "r"(sums) : "memory");
  return (double)rounds * SK_PIXEL_ROWS * SK_PIXEL_VECTORS * SK_LANES * 4;
}
