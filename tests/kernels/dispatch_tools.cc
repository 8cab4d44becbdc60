#include "tests/kernels/dispatch_tools.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace nudge::test {

// This program's exit status when it runs nothing but the case "child: kernels ...".
bool agrees(const char* level, const char* outcome) {
  const pid_t child = fork();
  if (child == 0) {
    if (level != nullptr) setenv("NUDGE_KERNELS", level, 1);
    else unsetenv("NUDGE_KERNELS");
    setenv("NUDGE_TEST_OUTCOME", outcome, 1);
    if (freopen("/dev/null", "w", stdout) == nullptr) _exit(3);
    constexpr const char *kCase = "--test-case=child: kernels*", *kEnd = nullptr;
    // Under an emulator, which is named, /proc/self/exe can't be executed but read.
    if (const char* run = std::getenv("EMULATOR")) {
      const std::string self = std::filesystem::read_symlink("/proc/self/exe");
      execlp(run, run, self.c_str(), "--no-skip", kCase, kEnd);
    } else {
      execl("/proc/self/exe", "test-kernels", "--no-skip", kCase, kEnd);
    }
    _exit(2);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace nudge::test
