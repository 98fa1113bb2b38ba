// SPDX-License-Identifier: Apache-2.0
//
// Every kernel, compiled for the ISA of the including file, and the table that names them.

#include "../vector.h"
#include "../lanes.h"
#include "../bfloat16.h"
#include "../values.h"

#include "../convolution/gather.h"
#include "../binary_convolution/epilogue.h"
#if defined(SK_TILE_LOOKUP)
#include "../binary_convolution/tile_lookup.h"
#elif defined(SK_TILE_NEON)
#include "../binary_convolution/tile_neon.h"
#else
#include "../binary_convolution/tile_popcount.h"
#endif
#include "../binary_convolution/portable.h"
#include "../float_convolution/portable.h"
#include "../encode/portable.h"
#include "../pool/portable.h"
#include "../training/elementwise.h"
#include "../training/pool.h"
#include "../training/patches.h"
#include "../training/adam.h"
#include "../peak.h"
#include "../pixel_convolution/finish.h"
#ifdef SK_PIXELS_TWICE
#include "../pixel_convolution/neon_both.h"
#else
#include "../pixel_convolution/portable.h"
#endif

const sk_kernels SK_NAME(sk_kernels) = {
    .isa = SK_ISA,
    .arrange_panel = SK_NAME(arrange_panel),
#ifdef SK_TILE_LOOKUP
    .arrange_shorts = SK_NAME(arrange_shorts),
#endif
    .binary_convolution = SK_NAME(binary_convolution),
    .float_convolution = SK_NAME(float_convolution),
    .pixel_convolution = SK_NAME(pixel_convolution),
    .encode = SK_NAME(encode),
    .level_pool = SK_NAME(level_pool),
    .float_pool = SK_NAME(float_pool),
    .affine = SK_NAME(affine),
    .prelu = SK_NAME(prelu),
    .column_sums = SK_NAME(column_sums),
    .moments = SK_NAME(moments),
    .residual_magnitude = SK_NAME(residual_magnitude),
    .prelu_backward = SK_NAME(prelu_backward),
    .norm_gradient_sums = SK_NAME(norm_gradient_sums),
    .norm_gradient = SK_NAME(norm_gradient),
    .patches = SK_NAME(patches),
    .unpatch = SK_NAME(unpatch),
    .plain_values = SK_NAME(plain_values),
    .value_pool = SK_NAME(value_pool),
    .value_pool_backward = SK_NAME(value_pool_backward),
    .adam = SK_NAME(adam),
    .peak_binary = SK_NAME(peak_binary),
    .peak_float = SK_NAME(peak_float),
    .peak_bytes = SK_NAME(peak_bytes),
};

#include "../gradient/all_products.h"
