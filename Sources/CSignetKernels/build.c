// SPDX-License-Identifier: Apache-2.0
//
// How the kernels were compiled.

#include "CSignetKernels.h"

bool sk_is_optimized(void) {
#ifdef __OPTIMIZE__
  return true;
#else
  return false;
#endif
}
