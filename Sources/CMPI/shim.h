// SPDX-License-Identifier: Apache-2.0
//
// MPI's handles are macros, which Swift does not see, and of other types in each MPI: they stay on this side.
#pragma once
#include <mpi.h>
#include <stdint.h>

typedef struct {
  MPI_Comm handle;
} signet_mpi_comm;

typedef struct {
  MPI_Request handle;
} signet_mpi_request;

// Starts MPI for calls from several threads; 1 in *all_threads if it allows them at a time.
static inline int signet_mpi_start(int *all_threads) {
  int provided = MPI_THREAD_SINGLE;
  int status = MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided);
  *all_threads = provided == MPI_THREAD_MULTIPLE;
  return status;
}

static inline int signet_mpi_end(void) { return MPI_Finalize(); }

static inline void signet_mpi_abort(int status) { MPI_Abort(MPI_COMM_WORLD, status); }

// A communicator of all ranks, whose errors come back as codes.
static inline int signet_mpi_open(signet_mpi_comm *comm, int *rank, int *ranks) {
  int status = MPI_Comm_dup(MPI_COMM_WORLD, &comm->handle);
  if (status == MPI_SUCCESS) status = MPI_Comm_set_errhandler(comm->handle, MPI_ERRORS_RETURN);
  if (status == MPI_SUCCESS) status = MPI_Comm_rank(comm->handle, rank);
  if (status == MPI_SUCCESS) status = MPI_Comm_size(comm->handle, ranks);
  return status;
}

static inline int signet_mpi_gather_doubles(const double *values, int count, double *all, const int *counts,
                                            const int *places, signet_mpi_comm comm, signet_mpi_request *request) {
  return MPI_Iallgatherv(values, count, MPI_DOUBLE, all, counts, places, MPI_DOUBLE, comm.handle, &request->handle);
}

static inline int signet_mpi_broadcast(void *bytes, int count, signet_mpi_comm comm, signet_mpi_request *request) {
  return MPI_Ibcast(bytes, count, MPI_BYTE, 0, comm.handle, &request->handle);
}

static inline int signet_mpi_exchange_floats(const float *values, const int *counts, const int *places, float *received,
                                             const int *received_counts, const int *received_places,
                                             signet_mpi_comm comm, signet_mpi_request *request) {
  return MPI_Ialltoallv(values, counts, places, MPI_FLOAT, received, received_counts, received_places, MPI_FLOAT,
                        comm.handle, &request->handle);
}

static inline int signet_mpi_complete_floats(float *values, const int *counts, const int *places, signet_mpi_comm comm,
                                             signet_mpi_request *request) {
  return MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, values, counts, places, MPI_FLOAT, comm.handle,
                         &request->handle);
}

static inline int signet_mpi_test(signet_mpi_request *request, int *done) {
  return MPI_Test(&request->handle, done, MPI_STATUS_IGNORE);
}

// Tells a rank that this one has failed.
static inline int signet_mpi_notify(int rank, signet_mpi_comm comm) {
  static const char nothing = 0;
  MPI_Request request;
  int status = MPI_Isend(&nothing, 1, MPI_CHAR, rank, 0, comm.handle, &request);
  return status == MPI_SUCCESS ? MPI_Request_free(&request) : status;
}

// Whether a rank has told so.
static inline int signet_mpi_has_failed(int rank, signet_mpi_comm comm) {
  int there = 0;
  return MPI_Iprobe(rank, 0, comm.handle, &there, MPI_STATUS_IGNORE) == MPI_SUCCESS && there;
}

// One of the ranks that have told so, not always the lowest; -1 if there is none.
static inline int signet_mpi_failed_rank(signet_mpi_comm comm) {
  int there = 0;
  MPI_Status status;
  if (MPI_Iprobe(MPI_ANY_SOURCE, 0, comm.handle, &there, &status) != MPI_SUCCESS || !there) return -1;
  return status.MPI_SOURCE;
}

// What an error code means, at most `room` bytes with their end.
static inline void signet_mpi_describe(int code, char *text, int room) {
  char whole[MPI_MAX_ERROR_STRING] = {0};
  int length = 0;
  MPI_Error_string(code, whole, &length);
  for (int i = 0; i < room; ++i) text[i] = i < length && i < room - 1 ? whole[i] : 0;
}
