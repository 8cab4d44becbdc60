#include "lib/cli/tool.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>
#include <system_error>
#include <thread>

#include "lib/base/comm.h"
#include "lib/base/parallel.h"
#include "lib/base/profile.h"
#include "lib/cli/completion.h"
#include "lib/cli/exit_table.h"
#include "lib/cli/signals.h"
#include "lib/cli/version.h"

namespace nudge {
namespace {

[[noreturn]] void stdout_failed(int code) {
  throw Error(Exit::kIo, std::string("stdout: ") + std::strerror(code != 0 ? code : EIO));
}

double seconds(const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); }

// CPU time and memory of this process.
std::string usage_text() {
  rusage used = {};
  ::getrusage(RUSAGE_SELF, &used);
  return "processor time: " + duration_text(seconds(used.ru_utime) + seconds(used.ru_stime)) + ", memory: at most " +
         grouped_digits(used.ru_maxrss) + " KiB";
}

// -v adds one, --verbose=false takes all back.
Binding count_flag(int& count) {
  Binding b;
  b.flag = b.repeatable = true;
  b.clear = [&count] { count = 0; };
  b.set = [&count](const std::string& text) { return count = text == "true" ? count + 1 : 0, 0.0; };
  b.value = [&count] { return std::optional<std::string>(std::to_string(count)); };
  return b;
}

bool profile_is_wanted() {
  const char* wanted = std::getenv("NUDGE_PROFILE");
  return wanted != nullptr && *wanted != 0 && std::strcmp(wanted, "0") != 0;
}

}  // namespace

void print(std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) stdout_failed(errno);
}

void flush_stdout() {
  errno = 0;
  std::cout.flush();
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || std::cout.bad();
  if (failed) stdout_failed(errno);
  // Some file systems report a failed write only on close. We close a copy, so that stdout stays valid for code that
  // runs later in this process.
  const int copy = ::dup(STDOUT_FILENO);
  if (copy >= 0 && ::close(copy) != 0 && errno != EINTR) stdout_failed(errno);
}

Tool::Tool(Description about)
    : about_(std::move(about)), console_(about_.name), begin_(std::chrono::steady_clock::now()) {}

Option& Tool::add(const std::string& names, const std::string& help, Binding binding) {
  return options_.emplace_back(names, group_, help, std::move(binding));
}

void Tool::answer(const Requests& requests) {
  if (requests.help) {
    print(help_text(about_, options_));
  } else if (requests.man) {
    print(man_page(about_, options_));
  } else if (!requests.completion.empty()) {
    print(requests.completion == "bash" ? bash_completion(about_, options_) : zsh_completion(about_, options_));
  } else {
    print(about_.name + " (nudge) " + kVersion + "\nkernels: " + kernel_level() +
          "\nthreads: " + std::to_string(thread_count()) + "\n");
  }
}

int Tool::run(int argc, const char* const* argv, const std::function<void()>& body) {
  prepare_process();
  group("Messages");
  option("-q,--quiet", quiet_, "no progress and no tally; errors and warnings remain").neutral();
  add("-v,--verbose",
      "report kernels and threads, and CPU time and memory at the end; given twice, also where the time went",
      count_flag(verbose_))
      .neutral();
  return guarded([&] {
    const Requests requests = read_command_line(options_, argc, argv);
    console_.set_quiet(quiet_);
    console_.set_verbose(verbose_ > 0);
    if (requests.any()) {
      answer(requests);
    } else {
      for (const auto& action : actions_) action();
      console_.set_silent(!comm().first());
      if (verbose_ > 1 || profile_is_wanted()) start_profile();
      if (verbose_ > 0) console_.detail("kernels: " + kernel_level() + ", threads: " + std::to_string(thread_count()));
      body();
      console_.detail(usage_text());
      if (detail::profiling) tell_profile();
    }
    flush_stdout();
    leave_world();
  });
}

void Tool::tell_profile() {
  const Profile profile = profile_so_far();
  const MachineLimits limits = measure_limits(about_.kernel_level ? about_.kernel_level() : "", 1 << 28, 5);
  for (const std::string& line : profile_lines(profile, limits)) console_.say(line);
}

int Tool::guarded(const std::function<void()>& action) {
  Exit status = Exit::kDone;
  std::string message, advice;
  try {
    action();
    console_.clear_progress();
    return 0;
  } catch (const Error& e) {
    status = e.status(), message = e.what(), advice = e.advice();
  } catch (const std::bad_alloc&) {
    status = Exit::kNoMemory, message = "out of memory";
  } catch (const std::filesystem::filesystem_error& e) {
    status = Exit::kIo, message = e.path1().string() + ": " + e.code().message();
  } catch (const std::system_error& e) {  // no more threads
    status = Exit::kNoMemory, message = "the system refuses: " + e.code().message();
  } catch (const std::exception& e) {
    status = Exit::kInternal, message = std::string("internal error: ") + e.what();
  } catch (...) {
    status = Exit::kInternal, message = "internal error: unknown exception";
  }
  if (const int rank = comm().rank(); rank > 0) {
    // If all ranks fail, the first one reports it and the launcher ends us meanwhile: by SIGTERM, after a second or
    // two.
    end_on_stops();
    std::this_thread::sleep_for(std::chrono::seconds(5));
    message = "rank " + std::to_string(rank) + ": " + message;
  }
  console_.error(message);
  if (advice.empty() && status == Exit::kUsage) advice = about_.name + " --help lists the options";
  if (advice.empty()) advice = advice_on(status, message);
  console_.hint(advice);
  comm().end_all(static_cast<int>(status));
  return static_cast<int>(status);
}

std::string Tool::provenance() const {
  std::vector<std::string> lines;
  for (const Option& o : options_) {
    const auto value = o.counts() ? o.value() : std::nullopt;
    if (!value) continue;
    std::string line = o.key() + "=";
    for (const char c : *value) {
      if (c == '\n') {
        line += "\\n";
      } else {
        line += c == '\\' ? "\\\\" : std::string(1, c);
      }
    }
    lines.push_back(line + "\n");
  }
  std::sort(lines.begin(), lines.end());
  std::string text = "tool=" + about_.name + "\n";
  for (const std::string& line : lines) text += line;
  return text;
}

void Tool::tally(const std::vector<Count>& counts, const std::string& more, bool may_be_none, std::int64_t tokens) {
  std::string text;
  for (const Count& c : counts) {
    const std::string many = c.many.empty() ? c.one + "s" : c.many;
    text += (text.empty() ? "" : ", ") + grouped_digits(c.n) + " " + (c.n == 1 ? c.one : many);
  }
  if (!more.empty()) text += ", " + more;
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin_;
  text += ", " + duration_text(elapsed.count());
  if (tokens > 0) text += " (" + rate_text(tokens, elapsed.count()) + " tokens/s)";
  console_.note(text);
  if (!counts.empty() && counts[0].n == 0 && !may_be_none) {
    const std::string many = counts[0].many.empty() ? counts[0].one + "s" : counts[0].many;
    bad_input("nothing succeeded: 0 " + many);
  }
}

}  // namespace nudge
