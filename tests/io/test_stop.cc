// A descriptor that becomes readable ends the waiting for input, and a signal the waiting for the other end of a FIFO.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <filesystem>
#include <thread>
#include <utility>

#include "tests/io/helpers.h"

using namespace nudge;
using namespace nudge::test;

namespace {

struct Pipe {
  explicit Pipe(int flags = 0) { REQUIRE(::pipe2(ends, flags) == 0); }
  ~Pipe() { ::close(ends[0]), ::close(ends[1]); }
  void give(const std::string& text) { REQUIRE(::write(ends[1], text.data(), text.size()) == ssize_t(text.size())); }
  std::string name() const { return "/proc/self/fd/" + std::to_string(ends[0]); }
  int ends[2];
};

struct Event {
  Event() : fd(::eventfd(0, 0)) {}
  ~Event() { ::close(fd); }
  void happen() { ::eventfd_write(fd, 1); }
  int fd;
};

std::string fresh_fifo() {
  const std::string name = scratch("fifo");
  std::filesystem::remove(name);
  REQUIRE(::mkfifo(name.c_str(), 0600) == 0);
  return name;
}

int alarm_event = -1;
void on_alarm(int) {
  if (alarm_event >= 0) ::eventfd_write(alarm_event, 1);
}

// Interrupts what this process waits for, again and again; each time `event` (or -1) becomes readable.
void interrupt_often(int event) {
  alarm_event = event;
  struct sigaction action = {};
  action.sa_handler = on_alarm;  // without SA_RESTART
  ::sigaction(SIGALRM, &action, nullptr);
  const itimerval often{{0, 20000}, {0, 20000}};
  ::setitimer(ITIMER_REAL, &often, nullptr);
}

}  // namespace

TEST_CASE("a reader that waits is stopped, after what it had, with a thread and without") {
  for (const int flags : {0, O_NONBLOCK}) {
    for (int given = 0; given < 4; ++given) {  // from the second chunk on a thread reads
      CAPTURE(given);
      Pipe pipe(flags);
      Event stop;
      RecordReader reader({pipe.name()}, {.stop = stop.fd});
      Record record;
      for (int i = 0; i < given; ++i) {
        pipe.give("{\"a\":" + std::to_string(i) + "}\n");
        REQUIRE(reader.next(record));
      }
      pipe.give("{\"half\":");
      std::thread later([&] {
        ::usleep(30000);
        stop.happen();
      });
      const Outcome outcome = outcome_of([&] { reader.next(record); });
      later.join();
      CHECK(outcome.status == 75);
      CHECK(outcome.message == pipe.name() + ": stopped while it was read");
      CHECK(outcome_of([&] { reader.next(record); }).status == 75);  // for good
      CHECK(reader.records() == given);
    }
  }
}

TEST_CASE("a reader that was stopped before reads nothing, salvage or not, and takes no cut for an end") {
  for (const bool salvage : {false, true}) {
    Event stop;
    stop.happen();
    const Reading reading = read_all({make_file("there", "{\"a\":1}\n")}, {.salvage = salvage, .stop = stop.fd});
    CHECK(reading.outcome.status == 75);
    CHECK(reading.lines.empty());
    CHECK(reading.report.empty());
  }
}

TEST_CASE("a descriptor that stays quiet changes nothing") {
  Event stop;
  for (const int lines : {1, 100000}) {  // with a thread, too
    const std::string path = make_file("quiet", joined(sample_lines(lines)));
    CHECK(read_all({path}, {.stop = stop.fd}).lines == read_all({path}).lines);
  }
}

TEST_CASE("a reader is ready where it has something to begin with") {
  Pipe pipe;
  RecordReader reader({pipe.name()});
  Record record;
  CHECK(reader.ready());         // it isn't open yet
  for (int i = 0; i < 5; ++i) {  // from the second chunk on a thread reads
    pipe.give("{\"a\":1}\n{\"a\":2}\n");
    if (i > 0) {
      for (int waited = 0; !reader.ready() && waited < 20000; ++waited) ::usleep(1000);
      CHECK(reader.ready());
    }
    REQUIRE(reader.next(record));
    CHECK(reader.ready());
    REQUIRE(reader.next(record));
    CHECK_FALSE(reader.ready());
  }
  ::close(std::exchange(pipe.ends[1], -1));
  for (int waited = 0; !reader.ready() && waited < 20000; ++waited) ::usleep(1000);
  CHECK(reader.ready());
  CHECK_FALSE(reader.next(record));
  CHECK(reader.ready());
}

TEST_CASE("a FIFO that nobody writes is waited for, until the reading is stopped") {
  if (kUnderThreadSanitizer) return skip("the thread sanitizer");
  const std::string name = fresh_fifo();
  const int status = in_child([&] {
    const int event = ::eventfd(0, 0);
    interrupt_often(event);
    const Outcome outcome = outcome_of([&] {
      RecordReader reader({name}, {.stop = event});
      Record record;
      reader.next(record);
    });
    return outcome.status == 75 && outcome.message == name + ": stopped while it was read" ? 0 : 1;
  });
  CHECK(status == 0);
}

TEST_CASE("other signals do not end the waiting for a FIFO") {
  if (kUnderThreadSanitizer) return skip("the thread sanitizer");
  const std::string name = fresh_fifo();
  const pid_t reader = ::fork();
  if (reader == 0) {
    interrupt_often(-1);
    ::_exit(read_all({name}).lines == sample_lines(3) ? 0 : 1);
  }
  ::usleep(100000);
  std::ofstream(name) << joined(sample_lines(3));
  int status = 0;
  ::waitpid(reader, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("a FIFO that nobody reads is waited for by its writer, until a signal") {
  if (kUnderThreadSanitizer) return skip("the thread sanitizer");
  const std::string name = fresh_fifo();
  const int status = in_child([&] {
    interrupt_often(-1);
    const Outcome outcome = outcome_of([&] { RecordWriter writer(to_file(name)); });
    return outcome.status == 75 && outcome.message == name + ": stopped while it waited for a reader" ? 0 : 1;
  });
  CHECK(status == 0);
}
