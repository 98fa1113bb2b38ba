// SPDX-License-Identifier: Apache-2.0
//
// Pointwise convolutions of few words, one plane to one plane, where 32 vector registers hold the weights, the starts
// and the widths of a group of blocks: a pixel costs its broadcasts, xor-popcount-add, and one comparison a block.

#define SK_RESIDENT(WORDS, VECTORS)                                                                                    \
  static __attribute__((noinline)) void SK_NAME(resident_##WORDS##x##VECTORS)(                                         \
      const sk_binary_convolution *c, size_t begin, size_t end, size_t block) {                                        \
    sk_u32 weights[WORDS][VECTORS], start[VECTORS], width[VECTORS];                                                    \
    uint16_t *halves[VECTORS];                                                                                         \
    SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                      \
      SK_UNROLL for (int k = 0; k < WORDS; ++k) {                                                                      \
        weights[k][v] = SK_LOAD_U32(c->panel + (block + v) * c->stream + k * SK_LANES);                                \
      }                                                                                                                \
      start[v] = SK_LOAD_U32(c->output.start + (block + v) * SK_LANES);                                                \
      width[v] = SK_LOAD_U32(c->output.width + (block + v) * SK_LANES);                                                \
      halves[v] = (uint16_t *)c->output.data + c->blocks[block + v].position;                                          \
    }                                                                                                                  \
    const size_t step = c->pixel_words, stride = c->output.pixel_stride;                                               \
    const uint32_t *pixel = c->input + begin * step;                                                                   \
    for (size_t at = begin * stride, last = end * stride; at < last; at += stride, pixel += step) {                    \
      sk_u32 sums[VECTORS];                                                                                            \
      SK_UNROLL for (int v = 0; v < VECTORS; ++v) sums[v] = start[v];                                                  \
      SK_UNROLL for (int k = 0; k < WORDS; ++k) {                                                                      \
        const sk_u32 activation = (sk_u32)pixel[k];                                                                    \
        SK_UNROLL for (int v = 0; v < VECTORS; ++v) sums[v] += SK_POPCOUNT(activation ^ weights[k][v]);                \
      }                                                                                                                \
      SK_UNROLL for (int v = 0; v < VECTORS; ++v) halves[v][at] = SK_BITS(sums[v] < width[v]);                         \
    }                                                                                                                  \
  }

// The same for two planes to two.
#define SK_RESIDENT_PAIR(WORDS, VECTORS)                                                                               \
  static __attribute__((noinline)) void SK_NAME(resident_pair_##WORDS##x##VECTORS)(                                    \
      const sk_binary_convolution *c, size_t begin, size_t end, size_t block) {                                        \
    const sk_output out = c->output;                                                                                   \
    const size_t lanes = (size_t)c->block_count * SK_LANES;                                                            \
    sk_u32 weights[WORDS][VECTORS], start[3][VECTORS], width[3][VECTORS];                                              \
    uint16_t *halves[VECTORS];                                                                                         \
    SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                      \
      SK_UNROLL for (int k = 0; k < WORDS; ++k) {                                                                      \
        weights[k][v] = SK_LOAD_U32(c->panel + (block + v) * c->stream + k * SK_LANES);                                \
      }                                                                                                                \
      SK_UNROLL for (int j = 0; j < 3; ++j) {                                                                          \
        start[j][v] = SK_LOAD_U32(out.start + j * lanes + (block + v) * SK_LANES);                                     \
        width[j][v] = SK_LOAD_U32(out.width + j * lanes + (block + v) * SK_LANES);                                     \
      }                                                                                                                \
      halves[v] = (uint16_t *)out.data + c->blocks[block + v].position;                                                \
    }                                                                                                                  \
    const sk_u32 first = (uint32_t)c->plane_weights[0], second = (uint32_t)c->plane_weights[1];                        \
    const size_t step = c->pixel_words, plane = c->plane_words, stride = out.pixel_stride;                             \
    const uint32_t *pixel = c->input + begin * step;                                                                   \
    for (size_t at = begin * stride, last = end * stride; at < last; at += stride, pixel += step) {                    \
      sk_u32 sums[2][VECTORS] = {};                                                                                    \
      SK_UNROLL for (int k = 0; k < WORDS; ++k) {                                                                      \
        SK_UNROLL for (int m = 0; m < 2; ++m) {                                                                        \
          const sk_u32 activation = (sk_u32)pixel[m * plane + k];                                                      \
          SK_UNROLL for (int v = 0; v < VECTORS; ++v) sums[m][v] += SK_POPCOUNT(activation ^ weights[k][v]);           \
        }                                                                                                              \
      }                                                                                                                \
      SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                    \
        const sk_u32 sum = sums[0][v] * first + sums[1][v] * second;                                                   \
        uint16_t reached[3];                                                                                           \
        SK_UNROLL for (int j = 0; j < 3; ++j) reached[j] = SK_BITS(sum + start[j][v] < width[j][v]);                   \
        SK_NAME(write_reached)(reached, out.kind, out.plane_stride, 2, halves[v] + at);                                \
      }                                                                                                                \
    }                                                                                                                  \
  }

SK_RESIDENT(1, 1)
SK_RESIDENT(2, 1)
SK_RESIDENT(3, 1)
SK_RESIDENT(4, 1)
SK_RESIDENT(5, 1)
SK_RESIDENT(6, 1)
SK_RESIDENT(7, 1)
SK_RESIDENT(8, 1)
SK_RESIDENT(1, 2)
SK_RESIDENT(2, 2)
SK_RESIDENT(3, 2)
SK_RESIDENT(4, 2)
SK_RESIDENT(5, 2)
SK_RESIDENT(6, 2)
SK_RESIDENT(7, 2)
SK_RESIDENT(8, 2)
SK_RESIDENT(1, 4)
SK_RESIDENT(2, 4)
SK_RESIDENT(3, 4)
SK_RESIDENT(4, 4)
SK_RESIDENT_PAIR(1, 1)
SK_RESIDENT_PAIR(2, 1)
SK_RESIDENT_PAIR(3, 1)
SK_RESIDENT_PAIR(4, 1)
SK_RESIDENT_PAIR(5, 1)
SK_RESIDENT_PAIR(6, 1)
SK_RESIDENT_PAIR(7, 1)
SK_RESIDENT_PAIR(8, 1)
SK_RESIDENT_PAIR(1, 2)
SK_RESIDENT_PAIR(2, 2)
SK_RESIDENT_PAIR(3, 2)
SK_RESIDENT_PAIR(4, 2)

typedef void SK_NAME(resident)(const sk_binary_convolution *, size_t, size_t, size_t);
#define SK_RESIDENTS_4(NAME, V) \
  SK_NAME(NAME##1x##V), SK_NAME(NAME##2x##V), SK_NAME(NAME##3x##V), SK_NAME(NAME##4x##V)
#define SK_RESIDENTS_8(NAME, V) \
  SK_RESIDENTS_4(NAME, V), SK_NAME(NAME##5x##V), SK_NAME(NAME##6x##V), SK_NAME(NAME##7x##V), SK_NAME(NAME##8x##V)

// [log2 of the blocks][words - 1]; null where the registers would not suffice.
static SK_NAME(resident) *const SK_NAME(residents)[3][8] = {
    {SK_RESIDENTS_8(resident_, 1)}, {SK_RESIDENTS_8(resident_, 2)}, {SK_RESIDENTS_4(resident_, 4)}};
static SK_NAME(resident) *const SK_NAME(resident_pairs)[3][8] = {
    {SK_RESIDENTS_8(resident_pair_, 1)}, {SK_RESIDENTS_4(resident_pair_, 2)}, {0}};

// Pixels whose words stay in the first-level cache while groups of blocks pass over them.
#define SK_RESIDENT_PIXELS 512

// Computes the range if it can.
SK_INLINE int SK_NAME(run_resident)(const sk_binary_convolution *c, size_t begin, size_t end, size_t first_block,
                                    size_t end_block) {
  const sk_output_kind kind = c->output.kind;
  if (kind != SK_OUTPUT_CODES && kind != SK_OUTPUT_LEVELS) return 0;
  if (c->planes > 2 || c->planes != c->output.planes || c->words > 8 || !SK_NAME(pointwise)(&c->window)) return 0;
  SK_NAME(resident) *const(*kernels)[8] = c->planes == 1 ? SK_NAME(residents) : SK_NAME(resident_pairs);
  for (size_t pixel = begin; pixel < end; pixel += SK_RESIDENT_PIXELS) {
    const size_t last = end - pixel < SK_RESIDENT_PIXELS ? end : pixel + SK_RESIDENT_PIXELS;
    for (size_t block = first_block; block < end_block;) {
      int width = end_block - block >= 4 ? 2 : end_block - block >= 2 ? 1 : 0;
      while (!kernels[width][c->words - 1]) --width;
      kernels[width][c->words - 1](c, pixel, last, block);
      block += (size_t)1 << width;
    }
  }
  return 1;
}
