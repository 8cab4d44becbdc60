#include "tests/cli/capture.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/harness/harness.h"

namespace nudge::test {
namespace {

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string drain(int fd) {
  std::string text;
  char piece[4096];
  for (ssize_t n; (n = ::read(fd, piece, sizeof piece)) > 0;) text.append(piece, static_cast<std::size_t>(n));
  return text;  // a terminal whose other end was closed reads as EIO
}

}  // namespace

Outcome in_child(const std::function<int()>& main, const std::string& stdout_path, bool terminal) {
  static int number = 0;
  const std::string base = scratch_folder() + "/child" + std::to_string(++number);
  const std::string out = stdout_path.empty() ? base + ".out" : stdout_path, err = base + ".err";
  int master = -1, slave = -1;
  if (terminal && ::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) throw std::runtime_error("openpty");
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    const int out_fd = ::open(out.c_str(), O_WRONLY | O_CREAT, 0600);
    const int err_fd = terminal ? slave : ::open(err.c_str(), O_WRONLY | O_CREAT, 0600);
    if (::dup2(out_fd, 1) < 0 || ::dup2(err_fd, 2) < 0) _exit(126);
    int status = 127;
    try {
      status = main();
    } catch (...) {
    }
    _exit(status);
  }
  Outcome outcome;
  if (terminal) {
    ::close(slave);
    outcome.err = drain(master);
    ::close(master);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (stdout_path.empty()) outcome.out = content(out);
  if (!terminal) outcome.err = content(err);
  return outcome;
}

int run_words(Tool& tool, std::vector<std::string> words, const std::function<void()>& body) {
  std::vector<const char*> argv = {"prog"};
  for (const std::string& w : words) argv.push_back(w.c_str());
  return tool.run(static_cast<int>(argv.size()), argv.data(), body);
}

int lines_of(const std::string& text) { return static_cast<int>(std::count(text.begin(), text.end(), '\n')); }

}  // namespace nudge::test
