// SPDX-License-Identifier: Apache-2.0
//
// Parts of JPEG images through libjpeg, whose errors are jumps that Swift can't cross: here they become return values.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// What came of a call.
typedef enum __attribute__((enum_extensibility(closed), swift_name("JPEGStatus"))) {
  SJ_OK __attribute__((swift_name("ok"))) = 0,
  /// Any complaint of the library: also its warnings, after which pixels would be made up.
  SJ_DAMAGED __attribute__((swift_name("damaged"))),
  /// The file ends before its image.
  SJ_TRUNCATED __attribute__((swift_name("truncated"))),
  /// More scans or memory than the limits allow.
  SJ_TOO_LARGE __attribute__((swift_name("tooLarge"))),
  /// The system has no memory left: the file need not be at fault.
  SJ_NO_MEMORY __attribute__((swift_name("noMemory"))),
} sj_status;

/// Limits of one image.
enum {
  /// Bytes that the library takes besides the rows.
  SJ_MAXIMUM_BYTES = 1 << 30,
  /// Scans of a progressive image.
  SJ_MAXIMUM_SCANS = 100,
  /// Pixels times scans, where there are several scans: 12 of the largest image. Each scan goes over all pixels.
  SJ_MAXIMUM_SCANNED_PIXELS = 1200000000,
  /// The same for each byte of the file; a flat grey image in the usual ten scans has 5,120.
  SJ_SCANNED_PIXELS_PER_BYTE = 8192,
  /// So many are allowed in a file of any length.
  SJ_SCANNED_PIXELS_ALLOWED = 1 << 26,
};

/// What the header of an image says.
typedef struct {
  uint32_t width, height;
  /// Bytes of a decoded pixel: 1 grey, 3 RGB, 4 CMYK as it is stored.
  uint32_t components;
} sj_header;

/// A part of an image scaled by 1/denominator (1, 2, 4 or 8), in pixels of the scaled image, which has
/// ⌈width / denominator⌉ × ⌈height / denominator⌉ of them.
typedef struct {
  uint32_t denominator;
  uint32_t left, top, width, height;
} sj_part;

/// A decoder, for one thread at a time and any number of images.
typedef struct sj_decoder sj_decoder;

/// NULL if there is no memory.
sj_decoder *_Nullable sj_create(void);
void sj_destroy(sj_decoder *_Nonnull decoder);

/// Reads the header of an image; `bytes` must stay as they are until the last call for it.
sj_status sj_open(sj_decoder *_Nonnull decoder, const uint8_t *_Nonnull bytes, size_t count,
                  sj_header *_Nonnull header);

/// Decodes a part of the image that was opened last, once; the same bytes as of that part of the whole.
///
/// Only what the part needs is computed. What comes after it is looked at only with `to_end`, so that damage there
/// is noticed. `output` has room for height × width × components bytes.
sj_status sj_decode(sj_decoder *_Nonnull decoder, sj_part part, int to_end, uint8_t *_Nonnull output);

/// The library's words on the last call that failed.
const char *_Nonnull sj_message(const sj_decoder *_Nonnull decoder);
