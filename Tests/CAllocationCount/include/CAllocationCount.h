// SPDX-License-Identifier: Apache-2.0
//
// Counts what a thread asks the C library's heap for, by taking the place of its functions in the test program.
#ifndef SIGNET_TESTS_CALLOCATIONCOUNT_H
#define SIGNET_TESTS_CALLOCATIONCOUNT_H

#include <stdbool.h>
#include <stddef.h>

/// Requests of one thread.
typedef struct allocation_count {
  size_t requests;
  size_t bytes;
  /// Bytes of the largest request.
  size_t largest;
} allocation_count;

/// Whether requests are counted here: with the GNU C library, and no sanitizer that has a heap of its own.
bool allocation_count_is_available(void);
/// Begins to count the requests of this thread.
void allocation_count_start(void);
/// What this thread has asked for since.
allocation_count allocation_count_stop(void);

#endif
