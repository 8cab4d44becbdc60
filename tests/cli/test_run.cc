#include <poll.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <new>
#include <stdexcept>
#include <system_error>

#include "lib/cli/signals.h"
#include "lib/cli/tool.h"
#include "tests/cli/capture.h"
#include "tests/harness/harness.h"

using namespace nudge;
using nudge::test::contains;
using nudge::test::in_child;
using nudge::test::run_words;

namespace {

Description about() { return {"rollout", "draw samples", "Reads prompts.", {}, {}}; }

test::Outcome run(const std::function<void(Tool&)>& body, const std::vector<std::string>& words = {},
                  const std::string& out = {}, bool terminal = false) {
  return in_child(
      [&] {
        Tool tool(about());
        return run_words(tool, words, [&] { body(tool); });
      },
      out, terminal);
}

}  // namespace

TEST_CASE("an Error gives its status, its message and its advice in the one voice") {
  const auto result = run([](Tool&) { bad_input("prompts.jsonl.zst: record 42: prompt is empty", "remove it"); });
  CHECK(result.status == 65);
  CHECK(result.out.empty());
  CHECK(result.err == "rollout: error: prompts.jsonl.zst: record 42: prompt is empty\nrollout: hint: remove it\n");
}

TEST_CASE("peek is the advice on records, which it can look into, and on no other file") {
  const auto error_lines = [](const std::string& message) { return run([&](Tool&) { bad_input(message); }).err; };
  for (const char* of_record : {"f.jsonl: record 42: field \"x\" is missing", "f.zst: after record 3, byte 9: cut"}) {
    CHECK(error_lines(of_record).find("look at the input with peek") != std::string::npos);
  }
  const std::string other = error_lines("m/config.json: \"n_layer\" is missing");
  CHECK(other.find("peek") == std::string::npos);
  CHECK(other.find("hint: fix the file that the message names, then run the command again") != std::string::npos);
}

TEST_CASE("an Error without advice gets that of its status") {
  for (const Exit status : {Exit::kBadInput, Exit::kNoInput, Exit::kInternal, Exit::kNoMemory, Exit::kCannotCreate,
                            Exit::kIo, Exit::kStopped, Exit::kUsage}) {
    const auto result = run([&](Tool&) { throw Error(status, "x"); });
    CHECK(result.status == static_cast<int>(status));
    CHECK(result.err.find("rollout: error: x\nrollout: hint: ") == 0);
    CHECK(test::lines_of(result.err) == 2);
  }
}

TEST_CASE("misuse is two lines on stderr, nothing on stdout, and 64") {
  const auto result = run([](Tool&) {}, {"--bogus-option"});
  CHECK(result.status == 64);
  CHECK(result.out.empty());
  CHECK(result.err ==
        "rollout: error: unknown option --bogus-option\n"
        "rollout: hint: rollout --help lists the options\n");
}

TEST_CASE("no memory and no threads are 71, a file system's refusal 74 and any other exception 70") {
  const auto memory = run([](Tool&) { throw std::bad_alloc(); });
  CHECK(memory.status == 71);
  CHECK(contains(memory.err, "rollout: error: out of memory\n"));
  const auto fault = run([](Tool&) { throw std::logic_error("impossible"); });
  CHECK(fault.status == 70);
  CHECK(contains(fault.err, "internal error: impossible\n"));
  CHECK(run([](Tool&) { throw 7; }).status == 70);
  const auto threads = run([](Tool&) { throw std::system_error(EAGAIN, std::generic_category()); });
  CHECK(threads.status == 71);
  CHECK(contains(threads.err, "rollout: error: the system refuses: Resource temporarily unavailable\n"));
  const auto copy = run([](Tool&) { std::filesystem::copy("absent", "anywhere"); });
  CHECK(copy.status == 74);
  CHECK(contains(copy.err, "rollout: error: absent: No such file or directory\n"));
}

TEST_CASE("an impossible allocation is 71") {
  if (!test::kMemoryCanBeLimited) return test::skip("a sanitizer ends the program itself");
  CHECK(run([](Tool&) {
          volatile std::size_t huge = std::size_t{1} << 62;
          ::operator delete(::operator new(huge));
        }).status == 71);
}

TEST_CASE("control characters in a message are shown, not sent") {
  const auto result = run([](Tool&) { bad_input("a\nb\x1b[2J\tc"); });
  CHECK(contains(result.err, "error: a\\nb\\x1b[2J\\tc\n"));
  CHECK(test::lines_of(result.err) == 2);
}

TEST_CASE("warnings stay with -q; notes and the tally go; details come with -v") {
  const auto speak = [](Tool& tool) {
    tool.warn("careful");
    tool.note("by the way");
    tool.tally({{3, "record"}});
  };
  const auto with = [&](const std::vector<std::string>& words) {
    return in_child([&] {
      Tool tool(about());
      return run_words(tool, words, [&] { speak(tool); });
    });
  };
  const auto plain = with({});
  CHECK(plain.err.find("rollout: warning: careful\nrollout: by the way\nrollout: 3 records, ") == 0);
  CHECK(!contains(plain.err, "kernels"));
  CHECK(with({"-q"}).err == "rollout: warning: careful\n");
  const auto verbose = with({"-v"});
  CHECK(verbose.err.find("rollout: kernels: none used, threads: ") == 0);
  CHECK(contains(verbose.err, plain.err.substr(0, plain.err.find(", "))));
  CHECK(contains(verbose.err, "\nrollout: processor time: "));
  CHECK(contains(verbose.err, ", memory: at most "));
  CHECK(with({"-qv"}).err.find("rollout: kernels: ") == 0);
}

TEST_CASE("the tally counts in words, and ends with the time") {
  const auto result = run([](Tool& tool) {
    tool.tally({{256, "trajectory", "trajectories"}, {12345, "token"}, {1, "skip"}}, "mean reward 0.5");
  });
  CHECK(result.status == 0);
  CHECK(result.err.find("rollout: 256 trajectories, 12,345 tokens, 1 skip, mean reward 0.5, 0.0 s\n") == 0);
}

TEST_CASE("the tally tells the rate of the tokens that a run worked on") {
  const auto result = run([](Tool& tool) { tool.tally({{2, "record"}}, "", false, 12345); });
  CHECK(result.status == 0);
  const std::size_t at = result.err.find(", 0.0 s (");
  CHECK(result.err.find("rollout: 2 records, 0.0 s (") == 0);
  CHECK(result.err.ends_with(" tokens/s)\n"));
  CHECK(result.err.find(',', at + 1) == std::string::npos);
}

TEST_CASE("a rate has one digit after the point below 100") {
  CHECK(rate_text(125, 10) == "12.5");
  CHECK(rate_text(12345, 1) == "12345");
  CHECK(progress_text(120, 256, "records", 9.6, "loss 0.31") ==
        "120 of 256 records (46%), 12.5/s, ETA 10.9 s, loss 0.31");
  CHECK(progress_text(300, 256, "records", 3, "") == "300 records, 100/s");
}

TEST_CASE("a run without a success is a failure, with -q too") {
  for (const auto& words : std::vector<std::vector<std::string>>{{}, {"-q"}}) {
    const auto result = run([](Tool& tool) { tool.tally({{0, "pair"}, {7, "tie"}}); }, words);
    CHECK(result.status == 65);
    CHECK(contains(result.err, "rollout: error: nothing succeeded: 0 pairs\n"));
  }
}

TEST_CASE("a full disk behind stdout is 74, from C's stream, C++'s and for the help") {
  if (::access("/dev/full", W_OK) != 0) return test::skip("no /dev/full");
  CHECK(run([](Tool&) { print("x\n"); }, {}, "/dev/full").status == 74);
  CHECK(run([](Tool&) { std::cout << "x\n"; }, {}, "/dev/full").status == 74);
  const auto help = run([](Tool&) {}, {"--help"}, "/dev/full");
  CHECK(help.status == 74);
  CHECK(contains(help.err, "rollout: error: stdout: No space left on device\n"));
}

TEST_CASE("writing to a closed stdout is 74") {
  const auto result = in_child([] {
    ::close(1);
    Tool tool(about());
    return run_words(tool, {}, [] { print("x\n"); });
  });
  CHECK(result.status == 74);
}

TEST_CASE("SIGPIPE ends the program quietly, also where the parent ignored it") {
  const auto result = in_child([] {
    int ends[2];
    if (::pipe(ends) != 0) return 1;
    ::close(ends[0]);
    ::dup2(ends[1], 1);
    std::signal(SIGPIPE, SIG_IGN);
    Tool tool(about());
    return run_words(tool, {}, [] { print("x\n"); });
  });
  CHECK(result.status == 141);
  CHECK(result.err.empty());
}

TEST_CASE("SIGXFSZ is ignored, SIGTERM, SIGINT, SIGUSR1 and SIGHUP are noticed once, then 75") {
  CHECK(run([](Tool&) { std::raise(SIGXFSZ); }).status == 0);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGHUP}) {
    const auto result = run([&](Tool&) {
      catch_stops();
      if (stop_requested()) throw Error(Exit::kInternal, "too early");
      std::raise(signal);
      if (stop_requested()) throw Error(Exit::kStopped, "3 records are saved");
    });
    CHECK(result.status == 75);
    CHECK(contains(result.err, "rollout: error: 3 records are saved\n"));
    CHECK(run([&](Tool&) {
            catch_stops();
            std::raise(signal);
            ::usleep(250'000);
            std::raise(signal);
          }).status == 128 + signal);
    CHECK(run([&](Tool&) {  // of one ^C two signals come where `timeout` passes it on
            catch_stops();
            std::raise(signal);
            std::raise(signal);
          })
              .status == 0);
  }
}

TEST_CASE("SIGHUP is ignored if the parent ignored it, as nohup does") {
  const auto result = run([](Tool&) {
    std::signal(SIGHUP, SIG_IGN);
    leave_on_stops("rollout");
    std::raise(SIGHUP);
    catch_stops();
    std::raise(SIGHUP);
    if (stop_requested()) throw Error(Exit::kInternal, "noticed");
    end_on_stops();
    std::raise(SIGHUP);
  });
  CHECK(result.status == 0);
}

TEST_CASE("a stop signal makes a descriptor readable, for good, and one that came before the waiting too") {
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGHUP}) {
    const auto result = run([&](Tool&) {
      catch_stops();
      catch_stops();  // again is once
      pollfd wanted{stop_descriptor(), POLLIN, 0};
      if (::poll(&wanted, 1, 0) != 0) throw Error(Exit::kInternal, "too early");
      std::raise(signal);
      for (int i = 0; i < 2; ++i)
        if (::poll(&wanted, 1, -1) != 1) throw Error(Exit::kInternal, "not noticed");
    });
    CHECK(result.status == 0);
    CHECK(result.err.empty());
  }
}

TEST_CASE("progress is shown on a terminal, overprinted, and wiped before words") {
  const auto body = [](Tool& tool) {
    Progress progress = tool.progress("records", 10);
    progress.update(5, "loss 0.5");
    progress.update(6);  // too soon after the last
    tool.warn("careful");
  };
  ::setenv("TERM", "xterm", 1);
  const auto shown = run(body, {}, "", true);
  CHECK(contains(shown.err, "\r\x1b[Krollout: 5 of 10 records (50%)"));
  CHECK(contains(shown.err, "loss 0.5\r\x1b[Krollout: warning: careful\r\n"));
  CHECK(!contains(shown.err, "6 of 10"));
  CHECK(run(body, {"-q"}, "", true).err == "rollout: warning: careful\r\n");
  CHECK(run(body).err == "rollout: warning: careful\n");
  ::setenv("TERM", "dumb", 1);
  CHECK(run(body, {}, "", true).err == "rollout: warning: careful\r\n");
}

TEST_CASE("progress text tells share, rate, remaining time and the figure to watch") {
  CHECK(progress_text(120, 256, "records", 10, "kl 0.01") == "120 of 256 records (46%), 12.0/s, ETA 11.3 s, kl 0.01");
  CHECK(progress_text(5000, 0, "tokens", 2, "") == "5,000 tokens, 2500/s");
  CHECK(progress_text(0, 10, "records", 0, "") == "0 of 10 records (0%)");
  CHECK(progress_text(10, 10, "records", 4, "") == "10 of 10 records (100%), 2.5/s");
}

TEST_CASE("durations and large numbers are written for people") {
  CHECK(duration_text(3.24) == "3.2 s");
  CHECK(duration_text(59.94) == "59.9 s");
  CHECK(duration_text(59.96) == "1 min 00 s");
  CHECK(duration_text(245) == "4 min 05 s");
  CHECK(duration_text(3600) == "1 h 00 min");
  CHECK(duration_text(7620) == "2 h 07 min");
  CHECK(grouped_digits(0) == "0");
  CHECK(grouped_digits(999) == "999");
  CHECK(grouped_digits(1000) == "1,000");
  CHECK(grouped_digits(1234567) == "1,234,567");
  CHECK(grouped_digits(-123456) == "-123,456");
}
