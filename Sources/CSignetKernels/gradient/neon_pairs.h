// SPDX-License-Identifier: Apache-2.0
//
// bfdot: two products of bfloat16 for each of 4 channels; a vector is 4 of them.

SK_INLINE sk_f32 SK_NAME(dot_bfloat16)(sk_f32 sum, sk_u32 panel, uint32_t word) {
  bfloat16x8_t operands[4];
  float32x4_t sums[4];
  memcpy(operands, &panel, sizeof operands);
  memcpy(sums, &sum, sizeof sums);
  const bfloat16x8_t gradient = vreinterpretq_bf16_u32(vdupq_n_u32(word));
  SK_UNROLL for (int q = 0; q < 4; ++q) sums[q] = vbfdotq_f32(sums[q], operands[q], gradient);
  memcpy(&sum, sums, sizeof sum);
  return sum;
}
#define SK_DOT_PAIRS(sum, panel, word) SK_NAME(dot_bfloat16)(sum, panel, word)
