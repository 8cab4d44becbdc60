// The one file that calls MPI, built into libnudge-mpi.so with the headers of the MPI at hand. It hands bytes from
// process to process and nothing else: what they mean, and every sum, is comm.cc's.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include "lib/base/comm_mpi.h"

namespace {

using nudge::MpiCalls;

const char* words(int code) {
  static char text[MPI_MAX_ERROR_STRING + 1];
  int size = 0;
  if (code == MPI_SUCCESS) return nullptr;
  if (MPI_Error_string(code, text, &size) != MPI_SUCCESS) return "unknown error of MPI";
  text[size] = 0;
  return text;
}

const char* start(int* rank, int* size) {
  int level = 0;
  // One thread of a program calls MPI; others compute, read and write.
  int code = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level);
  if (code == MPI_SUCCESS && level < MPI_THREAD_FUNNELED) return "this MPI takes no program with threads";
  if (code == MPI_SUCCESS) code = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (code == MPI_SUCCESS) code = MPI_Comm_rank(MPI_COMM_WORLD, rank);
  if (code == MPI_SUCCESS) code = MPI_Comm_size(MPI_COMM_WORLD, size);
  return words(code);
}

const char* exchange(int peer, const void* send, std::size_t send_size, void* receive, std::size_t receive_size) {
  return words(MPI_Sendrecv(send, static_cast<int>(send_size), MPI_BYTE, peer, 0, receive,
                            static_cast<int>(receive_size), MPI_BYTE, peer, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
}

void end_all(int status) { MPI_Abort(MPI_COMM_WORLD, status); }

const char* finish() { return words(MPI_Finalize()); }

}  // namespace

extern "C" {
extern const MpiCalls nudge_mpi_calls;
const MpiCalls nudge_mpi_calls = {nudge::kMpiCallsVersion, start, exchange, end_all, finish};
}
