// SPDX-License-Identifier: Apache-2.0
//
// Products of a training step, in float32, bfloat16 and bytes: what they work on, and their table.
#ifndef SIGNET_SK_GRADIENTS_H
#define SIGNET_SK_GRADIENTS_H

#include "sk_operands.h"

#pragma clang assume_nonnull begin

/// Filters of a tile of a weight gradient, or pixels of one of an input gradient.
#define SK_GRADIENT_ROWS 6
/// Filters that lie side by side in a packed gradient.
#define SK_GRADIENT_FILTERS 48
#define SK_GRADIENT_TILES (SK_GRADIENT_FILTERS / SK_GRADIENT_ROWS)
/// Steps along the reduction for which bits are expanded at a time: 1, 2 or 4 rows each.
#define SK_GRADIENT_STEPS 96
/// Blocks of 16 steps of tiles that lie together.
#define SK_TILE_BLOCKS (SK_GRADIENT_STEPS / 16)
/// Bytes of sums that a pass over the rows keeps for the weights' gradient: a part of the second-level cache.
#define SK_GRADIENT_SUM_BYTES 393216
/// Pixels, with a border, whose values a weight gradient on AVX-512 has at hand at a time.
#define SK_VALUE_PIXELS 1536
/// The greatest magnitude of a gradient in bytes; below 127, so that rounding up never reaches 128.
#define SK_GRADIENT_LIMIT 126.999f
/// A row or filter whose greatest magnitude is below this counts as 0 in bytes: its inverse might be infinite.
#define SK_GRADIENT_SMALLEST 1e-30f
/// Steps along the filters for which an input gradient's weights are expanded at a time.
#define SK_GRADIENT_DEPTH 256
/// Pixels of an input gradient that share a tap's expanded weights.
#define SK_GRADIENT_PIXELS 192
/// Rows of dY that an input gradient by tiles has at hand at a time.
#define SK_STRIP_ROWS 512
/// Bytes of expanded weights that such rows meet one after the other.
#define SK_STRIP_PANEL_BYTES 262144
/// Pixels whose sums are kept at a time where an input gradient looks sums up.
#define SK_LOOKUP_PIXELS 192
/// Rows that become tables at a time.
#define SK_LOOKUP_ROWS 6
/// Tables of each row that a weight gradient keeps at a time.
#define SK_LOOKUP_GROUPS 48
/// Columns from which on the tables of a weight gradient pay for themselves.
#define SK_LOOKUP_FEWEST_COLUMNS 15
/// Vectors of columns (one of reals, two of bytes where they share a tap), and tiles of filters, of a weight gradient
/// by lookup that go over all rows together; the filters of all blocks that such tiles lie in; bytes of their sums.
#define SK_LOOKUP_VECTORS 30
#define SK_LOOKUP_TILES 32
#define SK_LOOKUP_FILTERS 240
#define SK_LOOKUP_WEIGHT_SUM_BYTES 737280
/// Bytes of at most 127 whose sum fits 16 bits.
#define SK_BYTE_SUMS 258

/// The gradient of a layer's result, [rows][stride], and its packed forms.
///
/// Bytes are rounded at random so that they are right on average; the random bits follow from key, row and filter. A
/// value that is not finite becomes a byte of 0, and the scales of its row and filter infinite or NaN, as it is itself.
typedef struct sk_gradient_pack {
  sk_precision kind;       ///< of dy: float32 or bfloat16
  sk_precision precision;  ///< of what is packed
  const void *dy;          ///< at the group's first filter
  size_t stride;           ///< elements from one row to the next
  size_t rows;
  size_t filters;          ///< of the group
  uint64_t key;
  const float *_Nullable column_inverses;  ///< int8: [filters], SK_GRADIENT_LIMIT / greatest |dy|, or 0 if not finite
  /// [blocks of SK_GRADIENT_FILTERS][rows rounded up to 4, / step][SK_GRADIENT_FILTERS], or tiles, see
  /// sk_gradients.has_tiles; not for maxima.
  uint32_t *_Nullable words;
  int8_t *_Nullable bytes;        ///< int8: [rows][filters]
  float *_Nullable row_scales;    ///< int8: what 1 stands for in each row; gradient_maxima writes it, pack reads it
  int32_t *_Nullable row_sums;    ///< int8
} sk_gradient_pack;

/// Elements before and behind padded images that may be read; those behind must be finite.
#define SK_IMAGE_SLACK 32

/// Images of reals with a border of zeros, in float32 or bfloat16; see gradient/images.h.
typedef struct sk_images {
  const void *values;  ///< [N][rows][row]
  size_t row;          ///< elements from one row to the next
  size_t image;        ///< elements from one image to the next
  uint32_t channels;
} sk_images;

/// What padded images are made from.
typedef struct sk_padding {
  sk_images images;
  void *to;               ///< images.values
  size_t top, left;       ///< pixels of the border
  size_t height, width;   ///< of the source
  sk_precision kind;      ///< of the source: float32 or bfloat16
  const void *from;       ///< [N][height][width][pixel_stride], at the group's first channel
  size_t pixel_stride;
} sk_padding;

/// The weights of a convolution, wherever they lie.
typedef struct sk_convolution_weights {
  const float *values;
  size_t filters, kernel_height, kernel_width, channels;
  size_t filter_stride, tap_stride, channel_stride;
  bool turned;  ///< taps from the last to the first: the convolution of an input gradient
} sk_convolution_weights;

/// A convolution of padded images in a precision of training; see gradient/convolution.h.
typedef struct sk_convolution {
  sk_window window;       ///< its padding is the images' border
  sk_images images;
  const uint32_t *panel;
  const float *_Nullable bias;  ///< [filters]
  uint32_t filters;       ///< of the group
  sk_precision kind;      ///< of y: float32 or bfloat16
  void *y;                ///< [output pixel][pixel_stride], at the group's first filter
  size_t pixel_stride;
} sk_convolution;

/// The gradient of weights; see gradient/weight_gradient.h. The input is codes, or images of reals where there are
/// such.
typedef struct sk_weight_gradient {
  sk_window window;
  const sk_images *_Nullable images;  ///< in the precision's element; not for int8
  const uint32_t *_Nullable bits;     ///< codes as in sk_binary_convolution
  uint32_t pixel_words;               ///< words from one pixel to the next
  uint32_t plane_words;
  uint32_t planes;
  uint32_t channels;     ///< of the group
  const float *_Nullable levels;  ///< [2^planes]: the value of each code; null for reals
  float quantum;         ///< int8: what 1 stands for in rounded levels
  int32_t offset;        ///< int8: greatest rounded level, at most 63
  const uint32_t *dy;    ///< packed
  size_t rows;           ///< output pixels of the whole batch
  uint32_t filters;      ///< of the group
  const float *_Nullable scales;  ///< int8: [filters], what 1 stands for in dy
  const int32_t *_Nullable sums;  ///< int8: [filters], sums of dy
  float *dw;             ///< [filters][taps][channels]
} sk_weight_gradient;

/// The gradient of a binary layer's normalised input; see gradient/input_gradient.h.
typedef struct sk_input_gradient {
  sk_window window;
  const void *dy;       ///< [output pixel], at the group's first filter
  size_t row_bytes;
  const void *zeros;    ///< a row of 0
  const float *_Nullable scales;  ///< int8: [output pixel]
  const int32_t *_Nullable sums;  ///< int8: [output pixel]
  const uint32_t *weights;  ///< signs, [filters][taps][words]
  uint32_t words;
  const void *_Nullable panel;  ///< of input_panel, if there is one; aligned to 64
  uint32_t channels;    ///< of the group
  uint32_t filters;     ///< of the group
  const uint32_t *mask; ///< [input pixel][mask_words], at the group's first word: where the gradient passes
  uint32_t mask_words;
  sk_precision kind;    ///< of dx: float32 or bfloat16
  void *dx;             ///< [input pixel][pixel_stride], at the group's first channel
  uint32_t pixel_stride;
} sk_input_gradient;

/// About how many columns a call of a weight gradient should have where there are enough, and the fewest.
typedef struct sk_column_counts {
  size_t usual;   ///< fewer make the same tables or values again
  size_t fewest;  ///< for the sake of more calls
  bool by_lookup; ///< groups of rows are added up by themselves
} sk_column_counts;

/// The products of a training step in one precision.
typedef struct sk_products {
  /// Columns [first, end) of dW, 16 channels of a tap each (of reals: 16 places of the patch), tiles of
  /// SK_GRADIENT_ROWS filters [first_tile, end_tile).
  void (*weight_gradient)(const sk_weight_gradient *, size_t first_column, size_t end_column, size_t first_tile,
                          size_t end_tile, void *scratch);
  /// How many columns a call for this layer should have.
  sk_column_counts (*weight_columns)(const sk_weight_gradient *);
  /// Input pixels [begin, end) of the whole batch.
  void (*input_gradient)(const sk_input_gradient *, size_t begin, size_t end, void *scratch);
  /// Bytes of the panel with which this layer's input gradient is faster; 0 if it wants none.
  size_t (*_Nullable input_panel_bytes)(const sk_input_gradient *);
  /// The panel's taps [begin, end).
  void (*_Nullable input_panel)(const sk_input_gradient *, size_t begin, size_t end, void *panel);
  // With real weights; not for int8.
  /// Images [begin, end).
  void (*_Nullable pad_images)(const sk_padding *, size_t begin, size_t end);
  /// Columns [begin, end) of 16 filters of the panel, [columns][kernel_height * steps, rounded up to 16][16] words in
  /// all.
  void (*_Nullable convolution_panel)(const sk_convolution_weights *, size_t begin, size_t end, uint32_t *panel);
  /// Output pixels [begin, end) of the whole batch.
  void (*_Nullable convolution)(const sk_convolution *, size_t begin, size_t end, void *scratch);
  /// Runs the core instruction mix on registers, `rounds` times; returns the multiply-adds done.
  double (*peak)(size_t rounds);
} sk_products;

/// The training kernels of one instruction set and what it has beyond it.
typedef struct sk_gradients {
  /// The instruction set and what it is used with: products in bfloat16 have the bits of the table that made them.
  const char *name;
  /// By sk_precision.
  sk_products products[3];
  /// Rows [begin, end), begin a multiple of 4, end too unless it is the last; sums of bytes go to column_sums.
  void (*pack)(const sk_gradient_pack *, size_t begin, size_t end, int32_t *_Nullable column_sums);
  /// For bytes, before pack: maxima[f] = greatest |dy| of rows [begin, end), and the scale of each row; NaN is greater
  /// than an infinity.
  void (*maxima)(const sk_gradient_pack *, size_t begin, size_t end, float *maxima);
  /// sums[f] = sum of dy over rows [begin, end), in order.
  void (*sums)(const sk_gradient_pack *, size_t begin, size_t end, float *sums);
  /// Rounds to bfloat16, to nearest, ties to even; NaN becomes 0x7FC0.
  void (*round)(const float *from, uint16_t *to, size_t count);
  /// bfloat16 to floats.
  void (*widen)(const uint16_t *from, float *to, size_t count);
  /// Whether bfloat16 products are faster than those of floats here.
  bool has_bfloat16;
  /// Whether words other than floats are packed as tiles; see gradient/pack_tiles.h.
  bool has_tiles;
} sk_gradients;

/// Bytes of packed words of a gradient, whatever the instruction set.
size_t sk_packed_gradient_bytes(size_t rows, size_t filters, sk_precision precision);

/// Bytes of scratch that a thread needs for the products of a layer; aligned to 64.
size_t sk_gradient_scratch_bytes(size_t filters, size_t channels, size_t taps);

/// The same for a convolution of real images.
size_t sk_convolution_scratch_bytes(size_t channels, size_t taps);

/// The training kernels that go with an instruction set, or null if this build or this machine doesn't have it.
const sk_gradients *_Nullable sk_gradients_for(sk_isa isa);

/// All of those that this machine runs, the one that sk_gradients_for chooses first; null behind the last.
const sk_gradients *_Nullable sk_gradients_at(sk_isa isa, size_t index);

#pragma clang assume_nonnull end
#endif
