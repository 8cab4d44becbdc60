// The only file that calls MPI, built into libnudge-mpi.so with the headers of the MPI at hand. It only transfers bytes
// between processes; comm.cc gives them meaning and computes every sum.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <cstdlib>
#include <string>

#include "lib/base/comm_mpi.h"

namespace {

using nudge::MpiCalls;

const char* words(int code) {
  static char text[MPI_MAX_ERROR_STRING + 1];
  int size = 0;
  if (code == MPI_SUCCESS) return nullptr;
  if (MPI_Error_string(code, text, &size) != MPI_SUCCESS) return "unknown MPI error";
  text[size] = 0;
  return text;
}

#ifdef OPEN_MPI
// Ranks on one machine communicate through shared memory. Open MPI 5 still tries TCP and warns for every pair. A
// setting of the caller's is kept.
void leave_out_tcp_on_one_machine() {
  const char* here = std::getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  const char* all = std::getenv("OMPI_COMM_WORLD_SIZE");
  if (here != nullptr && all != nullptr && std::string(here) == all) ::setenv("OMPI_MCA_btl", "^tcp", 0);
}
#else
void leave_out_tcp_on_one_machine() {}
#endif

const char* start(int* rank, int* size) {
  leave_out_tcp_on_one_machine();
  int level = 0;
  // Only one thread of a program calls MPI; others compute, read and write.
  int code = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level);
  if (code == MPI_SUCCESS && level < MPI_THREAD_FUNNELED) return "this MPI does not support threads";
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
