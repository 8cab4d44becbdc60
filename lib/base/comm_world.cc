// Makes a process that a launcher started a rank. MPI is loaded only on request, so that programs start without it and
// run where it is not installed.
#include <dlfcn.h>

#include <filesystem>
#include <memory>
#include <string>

#include "lib/base/comm.h"
#include "lib/base/comm_mpi.h"
#include "lib/base/error.h"

namespace nudge {
namespace {

[[noreturn]] void no_mpi(const std::string& why) {
  usage_error("--ranks: " + why,
              "install an MPI with its headers (libopenmpi-dev or libmpich-dev) and rebuild, or leave --ranks out");
}

std::string mpi_library() {
  Dl_info here = {};
  if (::dladdr(reinterpret_cast<const void*>(&no_mpi), &here) == 0 || here.dli_fname == nullptr)
    throw Error(Exit::kInternal, "the library can't find its own path");
  return std::filesystem::path(here.dli_fname).replace_filename("libnudge-mpi.so").string();
}

const MpiCalls& load_mpi() {
  const std::string path = mpi_library();
  if (!std::filesystem::exists(path)) no_mpi("this build is without MPI");
  // Global, because MPI loads parts of itself, which need its symbols.
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) no_mpi(::dlerror());
  const auto* calls = static_cast<const MpiCalls*>(::dlsym(library, kMpiCallsName));
  if (calls == nullptr || calls->version != kMpiCallsVersion) no_mpi(path + " has another version");
  return *calls;
}

void check(const char* failure) {
  if (failure != nullptr) throw Error(Exit::kIo, std::string("MPI: ") + failure, "see the launcher's messages");
}

class MpiComm : public Comm {
 public:
  MpiComm(const MpiCalls& calls, int rank, int size) : Comm(rank, size), calls_(calls) {}
  void end_all(int status) override { calls_.end_all(status); }
  void finish() { check(calls_.finish()); }

 private:
  void exchange(int peer, const void* send, std::size_t send_size, void* receive, std::size_t receive_size) override {
    check(calls_.exchange(peer, send, send_size, receive, receive_size));
  }
  const MpiCalls& calls_;
};

// Both live until the process ends: an error during exit must still end all ranks.
MpiComm* joined = nullptr;
UseComm* in_use = nullptr;

}  // namespace

void join_world(int ranks) {
  const MpiCalls& calls = load_mpi();
  int rank = 0, size = 1;
  check(calls.start(&rank, &size));
  joined = new MpiComm(calls, rank, size);
  in_use = new UseComm(*joined);
  if (size == ranks) return;
  const std::string n = std::to_string(ranks);
  usage_error("--ranks " + n + ": the launcher started " + std::to_string(size) + (size == 1 ? " rank" : " ranks"),
              "start it by mpirun -n " + n + " or srun -n " + n + " with the --mpi that this build's MPI needs");
}

void leave_world() {
  if (joined == nullptr) return;
  joined->finish();
  delete in_use;
  delete joined;
  in_use = nullptr;
  joined = nullptr;
}

}  // namespace nudge
