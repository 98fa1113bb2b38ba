// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "CSignetJPEG.h"

// jpeg_crop_scanline and jpeg_skip_scanlines are libjpeg-turbo's own; jpeg_crop_scanline is right since 2.0.
#if !defined(LIBJPEG_TURBO_VERSION_NUMBER) || LIBJPEG_TURBO_VERSION_NUMBER < 2000000
#error "Signet needs libjpeg-turbo 2.0 or later; this is another libjpeg, or an older one"
#endif

struct sj_decoder {
  struct jpeg_decompress_struct info;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf failed;
  sj_status status;
  size_t file_bytes;
  char message[JMSG_LENGTH_MAX];
};

// Pixels beside a part whose colours reach into it when they are interpolated.
enum { MARGIN = 16 };

static sj_decoder *of(j_common_ptr info) { return (sj_decoder *)info->client_data; }

static void fail(j_common_ptr info) {
  sj_decoder *decoder = of(info);
  info->err->format_message(info, decoder->message);
  switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JERR_INPUT_EOF:
    case JERR_INPUT_EMPTY:
      decoder->status = SJ_TRUNCATED;
      break;
    case JERR_NO_BACKING_STORE:
      decoder->status = SJ_TOO_LARGE;
      break;
    case JERR_OUT_OF_MEMORY:
      decoder->status = SJ_NO_MEMORY;
      break;
    default:
      decoder->status = SJ_DAMAGED;
  }
  longjmp(decoder->failed, 1);
}

static void warn(j_common_ptr info, int level) {
  if (level < 0) fail(info);
}

static void say_nothing(j_common_ptr info) { (void)info; }

// Called for each row of blocks of each scan: a scan goes over all pixels, however short it is.
static void limit_scans(j_common_ptr info) {
  sj_decoder *decoder = of(info);
  uint64_t scans = decoder->info.input_scan_number > 0 ? (uint64_t)decoder->info.input_scan_number : 0;
  uint64_t pixels = (uint64_t)decoder->info.image_width * decoder->info.image_height * scans;
  uint64_t most = (uint64_t)SJ_SCANNED_PIXELS_PER_BYTE * decoder->file_bytes;
  if (most < SJ_SCANNED_PIXELS_ALLOWED) most = SJ_SCANNED_PIXELS_ALLOWED;
  if (most > SJ_MAXIMUM_SCANNED_PIXELS) most = SJ_MAXIMUM_SCANNED_PIXELS;
  if (scans <= SJ_MAXIMUM_SCANS && (scans <= 1 || pixels <= most)) return;
  snprintf(decoder->message, sizeof decoder->message, "%d scans are more than such a file may have", (int)scans);
  decoder->status = SJ_TOO_LARGE;
  longjmp(decoder->failed, 1);
}

sj_decoder *sj_create(void) {
  sj_decoder *decoder = calloc(1, sizeof *decoder);
  if (!decoder) return NULL;
  decoder->info.err = jpeg_std_error(&decoder->errors);
  decoder->errors.error_exit = fail;
  decoder->errors.emit_message = warn;
  decoder->errors.output_message = say_nothing;
  decoder->info.client_data = decoder;
  if (setjmp(decoder->failed)) {
    free(decoder);
    return NULL;
  }
  jpeg_create_decompress(&decoder->info);
  decoder->progress.progress_monitor = limit_scans;
  decoder->info.progress = &decoder->progress;
  decoder->info.mem->max_memory_to_use = SJ_MAXIMUM_BYTES;
  return decoder;
}

void sj_destroy(sj_decoder *decoder) {
  jpeg_destroy_decompress(&decoder->info);
  free(decoder);
}

sj_status sj_open(sj_decoder *decoder, const uint8_t *bytes, size_t count, sj_header *header) {
  struct jpeg_decompress_struct *info = &decoder->info;
  if (setjmp(decoder->failed)) {
    jpeg_abort_decompress(info);
    return decoder->status;
  }
  jpeg_abort_decompress(info);
  decoder->file_bytes = count;
  jpeg_mem_src(info, bytes, count);
  jpeg_read_header(info, TRUE);
  switch (info->jpeg_color_space) {
    case JCS_GRAYSCALE:
      info->out_color_space = JCS_GRAYSCALE;
      header->components = 1;
      break;
    case JCS_CMYK:
    case JCS_YCCK:
      info->out_color_space = JCS_CMYK;
      header->components = 4;
      break;
    default:
      info->out_color_space = JCS_RGB;
      header->components = 3;
  }
  // The accurate inverse DCT and interpolated colours: their vector and scalar forms give the same bytes.
  info->dct_method = JDCT_ISLOW;
  info->do_fancy_upsampling = TRUE;
  header->width = info->image_width;
  header->height = info->image_height;
  return SJ_OK;
}

static void decode(struct jpeg_decompress_struct *info, sj_part part, int to_end, uint8_t *output) {
  info->scale_num = 1;
  info->scale_denom = part.denominator;
  jpeg_start_decompress(info);
  size_t pixel = (size_t)info->output_components;
  JDIMENSION left = part.left > MARGIN ? part.left - MARGIN : 0;
  JDIMENSION right = part.left + part.width + MARGIN;
  if (right > info->output_width) right = info->output_width;
  JDIMENSION width = right - left;
  // Images of several scans are complete before their first row; there is nothing to win by leaving parts out.
  int is_complete = jpeg_has_multiple_scans(info);
  if (!is_complete) {
    if (width < info->output_width) jpeg_crop_scanline(info, &left, &width);
    // The columns are widened to whole blocks; less than what is needed would be read from beside the row.
    if (left > part.left || left + width < part.left + part.width) ERREXIT(info, JERR_BAD_CROP_SPEC);
    if (part.top > MARGIN) jpeg_skip_scanlines(info, part.top - MARGIN);
  } else {
    left = 0;
  }
  JSAMPROW row = info->mem->alloc_large((j_common_ptr)info, JPOOL_IMAGE, info->output_width * pixel);
  size_t start = (part.left - left) * pixel, length = part.width * pixel;
  while (info->output_scanline < part.top + part.height) {
    JDIMENSION at = info->output_scanline;
    jpeg_read_scanlines(info, &row, 1);
    if (at >= part.top) memcpy(output + (at - part.top) * length, row + start, length);
  }
  if (info->output_scanline < info->output_height) {
    if (!to_end || is_complete) return;
    // Skipping to the end would take the file for read; up to the last row, what is skipped is read, but not computed.
    JDIMENSION rest = info->output_height - info->output_scanline;
    if (rest > 1) jpeg_skip_scanlines(info, rest - 1);
    jpeg_read_scanlines(info, &row, 1);
  }
  jpeg_finish_decompress(info);
}

sj_status sj_decode(sj_decoder *decoder, sj_part part, int to_end, uint8_t *output) {
  if (setjmp(decoder->failed)) {
    jpeg_abort_decompress(&decoder->info);
    return decoder->status;
  }
  decode(&decoder->info, part, to_end, output);
  jpeg_abort_decompress(&decoder->info);
  return SJ_OK;
}

const char *sj_message(const sj_decoder *decoder) { return decoder->message; }
