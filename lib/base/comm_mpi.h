// The interface of libnudge-mpi.so: the few MPI calls that are needed, as C functions.
#pragma once

#include <cstddef>

namespace nudge {

// Functions that can fail return null, or an error message that is valid until the next call.
struct MpiCalls {
  int version;  // kMpiCallsVersion of the library's build
  const char* (*start)(int* rank, int* size);
  const char* (*exchange)(int peer, const void* send, std::size_t send_size, void* receive, std::size_t receive_size);
  void (*end_all)(int status);  // does not return
  const char* (*finish)();
};

inline constexpr int kMpiCallsVersion = 1;
inline constexpr char kMpiCallsName[] = "nudge_mpi_calls";  // of the table in the library

}  // namespace nudge
