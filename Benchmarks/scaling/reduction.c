// SPDX-License-Identifier: Apache-2.0
//
// Times a bucket's reduction by itself, with the calls and naps of training: ranks begin together, and compute nothing
// meanwhile. On a busy machine a run's seconds_reducing are mostly waits for the other rank.
//
//   mpicc -O2 Benchmarks/scaling/reduction.c -o reduction && mpirun -n 2 reduction

#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { largest = 1 << 20, rounds = 25, most_ranks = 64 };

static int ascending(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static void wait_for(MPI_Request *request) {
  for (int done = 0, turns = 1;; turns++) {
    MPI_Test(request, &done, MPI_STATUS_IGNORE);
    if (done) return;
    if (turns > 500) {
      usleep(turns > 5000 ? 200 : 20);
    } else if (turns > 50) {
      sched_yield();
    }
  }
}

int main(int argc, char **argv) {
  int rank, ranks, given;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &given);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (ranks > most_ranks) MPI_Abort(MPI_COMM_WORLD, 1);
  float *own = calloc(largest, sizeof(float)), *received = calloc(largest + most_ranks, sizeof(float));
  if (!own || !received) MPI_Abort(MPI_COMM_WORLD, 1);
  for (int count = 256; count <= largest; count *= 4) {
    int counts[most_ranks], places[most_ranks], part[most_ranks], part_places[most_ranks];
    for (int k = 0; k < ranks; k++) {
      places[k] = (int)((long)count * k / ranks);
      counts[k] = (int)((long)count * (k + 1) / ranks) - places[k];
    }
    for (int k = 0; k < ranks; k++) {
      part[k] = counts[rank];
      part_places[k] = k * counts[rank];
    }
    double times[rounds];
    for (int round = -2; round < rounds; round++) {
      MPI_Request request;
      MPI_Barrier(MPI_COMM_WORLD);
      double start = MPI_Wtime();
      MPI_Ialltoallv(own, counts, places, MPI_FLOAT, received, part, part_places, MPI_FLOAT, MPI_COMM_WORLD, &request);
      wait_for(&request);
      for (int k = 0; k < counts[rank]; k++) {
        float sum = 0;
        for (int other = 0; other < ranks; other++) sum += received[part_places[other] + k];
        own[places[rank] + k] = sum;
      }
      MPI_Iallgatherv(
        MPI_IN_PLACE, 0, MPI_FLOAT, own, counts, places, MPI_FLOAT, MPI_COMM_WORLD, &request);
      wait_for(&request);
      if (round >= 0) times[round] = 1e3 * (MPI_Wtime() - start);
    }
    qsort(times, rounds, sizeof(double), ascending);
    if (rank == 0)
      printf("%8zu bytes: least %.3f ms, median %.3f\n", count * sizeof(float), times[0], times[rounds / 2]);
  }
  free(own);
  free(received);
  MPI_Finalize();
  return 0;
}
