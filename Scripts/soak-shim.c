// SPDX-License-Identifier: Apache-2.0
//
// Preloaded by Scripts/soak. Each fsync and rename takes SOAK_DELAY_MS longer, and each write to a file a tenth of that; with
// SOAK_CLOCK the wall clock, and no other, jumps by twelve hours every 0.3 s, forward and back.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
int fsync(int);
int rename(const char *, const char *);
ssize_t write(int, const void *, size_t);

static void slow(long divisor) {
  const char *text = getenv("SOAK_DELAY_MS");
  long ms = text ? atol(text) / divisor : 0;
  struct timespec left = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
}
int fsync(int file) { slow(1); return NEXT(fsync)(file); }
int rename(const char *from, const char *to) { slow(1); return NEXT(rename)(from, to); }
ssize_t write(int file, const void *bytes, size_t n) { if (file > 2) slow(10); return NEXT(write)(file, bytes, n); }
int clock_gettime(clockid_t id, struct timespec *out) {
  int status = NEXT(clock_gettime)(id, out);
  if (status != 0 || id != CLOCK_REALTIME || !getenv("SOAK_CLOCK")) return status;
  struct timespec now;
  NEXT(clock_gettime)(CLOCK_MONOTONIC, &now);
  long part = now.tv_sec * 10 + now.tv_nsec / 100000000;
  out->tv_sec += (part / 3 % 2 ? 7 : -5) * 3600;
  return 0;
}
int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec time;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &time);
  *out = (struct timeval){time.tv_sec, time.tv_nsec / 1000};
  return 0;
}
