// Streams in threads of their own: the same records, bytes and errors as without, and an end at any time.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "lib/io/background.h"
#include "tests/io/helpers.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// Threads of this process that are not ending: one that was joined stays listed until the system has taken it off.
int threads() {
  constexpr unsigned kEnding = 4;  // PF_EXITING of Linux, which is set before a join returns
  int count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string stat;
    std::getline(std::ifstream(task.path() / "stat"), stat);
    unsigned flags = kEnding;  // proc(5): the ninth field, the sixth behind the name and state
    std::sscanf(stat.c_str() + std::min(stat.rfind(')'), stat.size()), ") %*c %*d %*d %*d %*d %*d %u", &flags);
    count += (flags & kEnding) == 0;
  }
  return count;
}

// While it lives the system refuses every thread: none of this process's address space holds such a stack.
class NoThreads {
 public:
  NoThreads() { set(std::size_t{1} << 50); }
  ~NoThreads() { set(std::size_t{8} << 20); }

 private:
  static void set(std::size_t stack) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    REQUIRE(pthread_attr_setstacksize(&attributes, stack) == 0);
    REQUIRE(pthread_setattr_default_np(&attributes) == 0);
    pthread_attr_destroy(&attributes);
  }
};

// Both ends of a pipe; a reader opens it by name.
struct Pipe {
  explicit Pipe(int flags = 0) { REQUIRE(::pipe2(ends, flags) == 0); }
  ~Pipe() { ::close(ends[0]), ::close(ends[1]); }
  void give(const std::string& text) { REQUIRE(::write(ends[1], text.data(), text.size()) == ssize_t(text.size())); }
  std::string name() const { return "/proc/self/fd/" + std::to_string(ends[0]); }
  int waiting() const {
    int bytes = 0;
    REQUIRE(::ioctl(ends[0], FIONREAD, &bytes) == 0);
    return bytes;
  }
  int ends[2];
};

// Waits, for seconds if it has to be; the test's outcome doesn't depend on how long.
template <class F>
bool comes_true(F f) {
  for (int i = 0; i < 20000; ++i) {
    if (f()) return true;
    ::usleep(1000);
  }
  return false;
}

// A stream of many frames, with its marks.
std::string many_frames(const std::vector<std::string>& lines) {
  WriterOptions options = to_file(scratch("many.zst"));
  options.frame_text = 100, options.force = true;
  write_lines(options, lines);
  return bytes_of(scratch("many.zst"));
}

void check_same(const Reading& one, const Reading& other) {
  CHECK(one.lines == other.lines);
  CHECK(one.outcome.status == other.outcome.status);
  CHECK(one.outcome.message == other.outcome.message);
  CHECK(one.outcome.advice == other.outcome.advice);
  CHECK(one.digest == other.digest);
  CHECK(one.report == other.report);
  REQUIRE(one.streams.size() == other.streams.size());
  for (std::size_t i = 0; i < one.streams.size(); ++i) {
    const StreamInfo &a = one.streams[i], &b = other.streams[i];
    CHECK(a.frames == b.frames);
    CHECK(a.bytes == b.bytes);
    CHECK(a.text_bytes == b.text_bytes);
    CHECK(a.records == b.records);
    CHECK(a.marks.size() == b.marks.size());
    CHECK(a.damage == b.damage);
  }
}

}  // namespace

TEST_CASE("what is handed over comes in order, none is lost or there twice, and few are under way") {
  Handover<int> queue;
  std::atomic<int> given = 0;
  std::thread giver = background_thread([&] {
    for (int i = 0; i < 20000; ++i) {
      int item = i;
      queue.give(item);
      ++given;
    }
    queue.close();
  });
  REQUIRE(giver.joinable());
  int wrong = 0, next = 0, most = 0;
  for (int item = -1; queue.take(item); ++next) {
    wrong += item != next;
    most = std::max(most, given.load() - next - 1);
  }
  giver.join();
  CHECK(wrong == 0);
  CHECK(next == 20000);
  CHECK(most <= static_cast<int>(Handover<int>::kMost));
}

TEST_CASE("a closed handover takes nothing more, gives what it has, and can be opened again") {
  Handover<int> queue;
  int one = 1, two = 2, item = 0;
  CHECK(queue.give(one));
  queue.close();
  CHECK(!queue.give(two));
  CHECK(queue.take(item));
  CHECK(item == 1);
  CHECK(!queue.take(item));
  queue.reopen();
  CHECK(queue.give(two));
  CHECK(queue.take(item));
  CHECK(item == 2);
}

TEST_CASE("a thread in the background leaves every signal to the others, and its maker's mask is as before") {
  sigset_t before, inside, after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  std::thread thread = background_thread([&] { pthread_sigmask(SIG_SETMASK, nullptr, &inside); });
  REQUIRE(thread.joinable());
  thread.join();
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGPIPE, SIGALRM, SIGWINCH, SIGCHLD}) {
    CHECK(sigismember(&inside, signal) == 1);
    CHECK(sigismember(&after, signal) == sigismember(&before, signal));
  }
}

TEST_CASE("records, marks and damage are the same with a thread and without, wherever the damage is") {
  const auto lines = sample_lines(400);
  const std::string whole = many_frames(lines);
  std::vector<std::string> inputs{whole, whole + whole, joined(lines), foreign_frame(joined(lines))};
  for (std::size_t at = 3; at < whole.size(); at += whole.size() / 12) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    inputs.push_back(flipped);
    inputs.push_back(whole.substr(0, at));
  }
  for (const bool salvage : {false, true}) {
    for (const std::string& bytes : inputs) {
      ReaderOptions options;
      options.salvage = salvage;
      const std::string path = make_file("either", bytes);
      const Reading reading = read_all({path, path}, options);
      const NoThreads none;
      check_same(reading, read_all({path, path}, options));
    }
  }
  CHECK(read_all({make_file("either", whole)}).lines == lines);
}

TEST_CASE("a small input and a small output start no thread, larger ones one each, which end with them") {
  const int before = threads();
  const auto lines = sample_lines(400);
  const std::string small = make_file("small", joined(lines)), large = make_file("large", many_frames(lines));
  const auto while_reading = [&](const std::string& path) {
    RecordReader reader({path});
    Record record;
    for (int i = 0; i < 20; ++i) CHECK(reader.next(record));
    return threads() - before;
  };
  CHECK(while_reading(small) == 0);
  CHECK(while_reading(large) == 1);
  CHECK(threads() == before);
  const auto while_writing = [&](std::size_t frame_text) {
    WriterOptions options = to_file(scratch("threads.zst"));
    options.frame_text = frame_text;
    RecordWriter writer(options);
    for (const std::string& line : lines) writer.write_line(line);
    const int during = threads() - before;
    writer.flush();
    CHECK(threads() == before);
    return during;
  };
  CHECK(while_writing(1000000) == 0);
  CHECK(while_writing(1000) == 1);
  const NoThreads none;
  CHECK(while_reading(large) == 0);
  CHECK(while_writing(1000) == 0);
}

TEST_CASE("the bytes written are the same with a thread and without") {
  const auto lines = sample_lines(2000);
  for (const char* name : {"/with.zst", "/with.jsonl"}) {
    const std::string path = scratch_folder() + name;
    WriterOptions options = to_file(path);
    options.frame_text = 300, options.force = true;
    write_lines(options, lines);
    const std::string bytes = bytes_of(path);
    CHECK(read_all({path}).lines == lines);
    const NoThreads none;
    write_lines(options, lines);
    CHECK(bytes_of(path) == bytes);
  }
}

TEST_CASE("a reader that is left in the middle does not wait for a pipe that stays open") {
  const int before = threads();
  Pipe pipe;
  ::alarm(60);  // it would hang
  {
    RecordReader reader({pipe.name()});
    Record record;
    for (const char* line : {"{\"a\":1}\n", "{\"a\":2}\n"}) {
      pipe.give(line);
      CHECK(reader.next(record));
    }
    CHECK(threads() == before + 1);  // it waits for more
    pipe.give("{\"a\":3}\n{\"a\":");
    CHECK(reader.next(record));
    CHECK(record.line() == "{\"a\":3}");
  }
  CHECK(threads() == before);
  ::alarm(0);
}

TEST_CASE("a reader left with chunks in hand ends its thread, which waits for room") {
  const std::string path = make_file("left", many_frames(sample_lines(2000)));
  const int before = threads();
  for (int taken = 0; taken < 40; ++taken) {
    RecordReader reader({path});
    Record record;
    for (int i = 0; i < taken; ++i) CHECK(reader.next(record));
  }
  CHECK(threads() == before);
}

TEST_CASE("a reader is as many chunks ahead as are handed over and in work, and no more") {
  Pipe pipe(O_DIRECT);  // each write is read by itself
  const std::string line = "{\"a\":1}\n";
  constexpr int kChunks = 12, kAhead = static_cast<int>(Handover<int>::kMost) + 1;
  for (int i = 0; i < kChunks; ++i) pipe.give(line);
  RecordReader reader({pipe.name()});
  Record record;
  for (int taken = 1; taken <= kChunks; ++taken) {
    REQUIRE(reader.next(record));
    const int left = taken < 2 ? kChunks - taken : std::max(0, kChunks - taken - kAhead);
    CHECK(comes_true([&] { return pipe.waiting() <= left * static_cast<int>(line.size()); }));
    CHECK(pipe.waiting() == left * static_cast<int>(line.size()));
  }
}

TEST_CASE("a writer is as many frames ahead as are handed over and in work, and no more") {
  Pipe pipe(O_DIRECT);  // holds 16 writes of any size
  auto* const written = static_cast<std::atomic<int>*>(
      ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  REQUIRE(written != MAP_FAILED);
  const int holds = ::fcntl(pipe.ends[0], F_GETPIPE_SZ) / 4096;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(pipe.ends[1], 1);
    WriterOptions options;
    options.frame_text = 1;
    RecordWriter writer(options);
    while (true) writer.write_line("{}"), ++*written;
  }
  // Those in the pipe, one that the thread waits with, and those handed over.
  const int most = holds + 1 + static_cast<int>(Handover<int>::kMost);
  CHECK(comes_true([&] { return *written >= most; }));
  ::usleep(20000);
  CHECK(*written == most);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  ::munmap(written, sizeof(std::atomic<int>));
}

TEST_CASE("a full disk behind is told by a write or by the end, each time, and nothing is published") {
  WriterOptions options = to_file("/dev/full");
  options.frame_text = 100;
  const std::string words = "/dev/full: writing failed: No space left on device";
  RecordWriter writer(options);
  const Outcome writing = outcome_of([&] {
    for (int i = 0; i < 1000000; ++i) writer.write_line("{\"a\":1}");
  });
  CHECK(writing.status == 74);
  CHECK(writing.message == words);
  CHECK(outcome_of([&] { writer.write_line("{}"); }).message == words);
  CHECK(outcome_of([&] { writer.flush(); }).message == words);
  CHECK(outcome_of([&] { writer.finish(); }).message == words);
  CHECK(outcome_of([&] { write_lines(options, sample_lines(5)); }).message == words);
  std::filesystem::create_directory(scratch("bounded"));
  options.path = scratch("bounded") + "/out.zst";
  CHECK(WEXITSTATUS(in_child([&] {
          const rlimit limit{2000, 2000};
          ::setrlimit(RLIMIT_FSIZE, &limit);
          return outcome_of([&] { write_lines(options, sample_lines(1000)); }).status;
        })) == 74);
  CHECK(std::filesystem::is_empty(scratch("bounded")));
}

TEST_CASE("a reader that leaves ends a writer with a thread by SIGPIPE too") {
  for (const bool ignored : {false, true}) {
    const int status = in_child([&] {
      Pipe pipe;
      ::dup2(pipe.ends[1], 1);
      ::close(pipe.ends[0]);
      ::signal(SIGPIPE, ignored ? SIG_IGN : SIG_DFL);
      ::alarm(60);
      WriterOptions options;
      options.frame_text = 100;
      RecordWriter writer(options);
      while (true) writer.write_line("{\"a\":1}");
      return 0;
    });
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGPIPE);
  }
}

TEST_CASE("a writer that is dropped has passed on its closed frames to a stream") {
  const std::string path = make_file("dropped", "");
  in_child([&] {
    if (!freopen(path.c_str(), "w", stdout)) return 99;
    WriterOptions options;
    options.frame_text = 80;
    RecordWriter writer(options);
    for (const std::string& line : sample_lines(300)) writer.write_line(line);
    return 0;
  });
  const std::string all = joined(sample_lines(300)), bytes = bytes_of(path);
  CHECK(bytes.size() + 100 > all.size());
  CHECK(bytes == all.substr(0, bytes.size()));
}
