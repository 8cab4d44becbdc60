// Writing: whole or absent, where it goes, and how it fails.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>

#include "lib/io/descriptor.h"
#include "tests/io/helpers.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// A fresh folder, so that what stands in it can be counted.
std::string fresh_folder(const std::string& name) {
  std::filesystem::remove_all(scratch(name));
  std::filesystem::create_directory(scratch(name));
  return scratch(name);
}

int entries(const std::string& folder) {
  int n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++n;
  return n;
}

// Runs `f` in a child whose stdout is `to`, opened with `flags`.
template <class F>
int with_stdout(const std::string& to, int flags, F f) {
  return in_child([&] {
    const int fd = ::open(to.c_str(), flags, 0600);
    if (fd < 0 || ::dup2(fd, 1) < 0) return 99;
    return f();
  });
}

int write_some(WriterOptions options, int n) {
  return outcome_of([&] { write_lines(std::move(options), sample_lines(n)); }).status;
}

}  // namespace

TEST_CASE("nothing appears under the final name before finish, and nothing stays without it") {
  const std::string folder = fresh_folder("atomic"), path = folder + "/out.jsonl";
  {
    RecordWriter writer(to_file(path));
    writer.write_line("{}");
    writer.flush();
    CHECK(!std::filesystem::exists(path));
    CHECK(entries(folder) == 1);
  }
  CHECK(entries(folder) == 0);
  write_lines(to_file(path), {"{}"});
  CHECK(bytes_of(path) == "{}\n");
  CHECK(entries(folder) == 1);
}

TEST_CASE("an existing file is kept without force, and replaced whole with it") {
  const std::string folder = fresh_folder("force"), path = folder + "/out.jsonl";
  write_lines(to_file(path), {"{\"old\":1}"});
  const Outcome refused = outcome_of([&] { RecordWriter(to_file(path)); });
  CHECK(refused.status == 73);
  CHECK(refused.message == path + ": exists already");
  CHECK(refused.advice.find("--force") != std::string::npos);
  WriterOptions options = to_file(path);
  options.force = true;
  { RecordWriter dropped(options); }
  CHECK(bytes_of(path) == "{\"old\":1}\n");
  write_lines(options, {"{\"new\":2}"});
  CHECK(bytes_of(path) == "{\"new\":2}\n");
  CHECK(entries(folder) == 1);
}

TEST_CASE("force through a link replaces what it points to") {
  const std::string folder = fresh_folder("link");
  write_lines(to_file(folder + "/target"), {"{}"});
  REQUIRE(::symlink("target", (folder + "/name").c_str()) == 0);
  WriterOptions options = to_file(folder + "/name");
  options.force = true;
  write_lines(options, {"{\"a\":1}"});
  CHECK(std::filesystem::is_symlink(folder + "/name"));
  CHECK(bytes_of(folder + "/target") == "{\"a\":1}\n");
}

TEST_CASE("a link that points to nothing is refused without force, and followed with it") {
  const std::string folder = fresh_folder("dangling");
  std::filesystem::create_directory(folder + "/sub");
  REQUIRE(::symlink("sub/second", (folder + "/first").c_str()) == 0);
  REQUIRE(::symlink("target", (folder + "/sub/second").c_str()) == 0);
  REQUIRE(::symlink("circle", (folder + "/circle").c_str()) == 0);
  REQUIRE(::symlink("no/such", (folder + "/nowhere").c_str()) == 0);
  WriterOptions options = to_file(folder + "/first");
  CHECK(outcome_of([&] { RecordWriter refused(options); }).message == folder + "/first: exists already");
  options.force = true;
  write_lines(options, {"{\"a\":1}"});
  CHECK(std::filesystem::is_symlink(folder + "/first"));
  CHECK(std::filesystem::is_symlink(folder + "/sub/second"));
  CHECK(bytes_of(folder + "/sub/target") == "{\"a\":1}\n");
  for (const char* bad : {"/circle", "/nowhere"}) {
    options.path = folder + bad;
    CHECK(outcome_of([&] { RecordWriter refused(options); }).status == 73);
    CHECK(std::filesystem::is_symlink(folder + bad));
  }
}

TEST_CASE("without force a file that appeared meanwhile stays: refused, or the same bytes and well") {
  const std::string folder = fresh_folder("appeared");
  for (const std::string& name : {folder + "/out.jsonl", folder + "/out.zst"}) {
    for (const bool same : {true, false}) {
      std::filesystem::remove(name);
      RecordWriter writer(to_file(name));
      for (const std::string& line : sample_lines(9000)) writer.write_line(line);
      CHECK(in_child([&] { return write_some(to_file(name), same ? 9000 : 9001); }) == 0);
      struct stat before, after;
      REQUIRE(::stat(name.c_str(), &before) == 0);
      const Outcome outcome = outcome_of([&] { writer.finish(); });
      CHECK(outcome.status == (same ? 0 : 73));
      CHECK((same || outcome.message == name + ": was created meanwhile, with other content"));
      REQUIRE(::stat(name.c_str(), &after) == 0);
      CHECK(before.st_ino == after.st_ino);
      RecordWriter moved(std::move(writer));
    }
  }
  CHECK(entries(folder) == 2);
  const std::string fifo = folder + "/fifo";
  {
    RecordWriter writer(to_file(fifo));
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(outcome_of([&] { writer.finish(); }).status == 73);
  }
  CHECK(entries(folder) == 3);
}

TEST_CASE("a missing or read-only folder and a folder as file can't be created, at once") {
  CHECK(outcome_of([] { RecordWriter(to_file(scratch("no/such/out"))); }).status == 73);
  CHECK(outcome_of([] { RecordWriter(to_file(scratch_folder())); }).message == scratch_folder() + ": is a folder");
  CHECK(outcome_of([] { RecordWriter(to_file("/proc/out")); }).status == 73);
}

TEST_CASE("a name in .zst is compressed, another where -z asks") {
  const std::string folder = fresh_folder("names");
  WriterOptions asked = to_file(folder + "/asked");
  asked.zstd = true;
  write_lines(asked, {"{}"});
  write_lines(to_file(folder + "/named.zst"), {"{}"});
  write_lines(to_file(folder + "/plain"), {"{}"});
  CHECK(read_all({folder + "/asked"}).streams[0].zstd);
  CHECK(read_all({folder + "/named.zst"}).streams[0].zstd);
  CHECK(!read_all({folder + "/plain"}).streams[0].zstd);
}

TEST_CASE("the same records give the same bytes, however long they take") {
  const std::string folder = fresh_folder("bytes");
  const auto lines = sample_lines(50);
  WriterOptions options = to_file(folder + "/a.zst");
  options.frame_text = 200;
  write_lines(options, lines);
  options.path = folder + "/b.zst";
  RecordWriter writer(options);
  for (int i = 0; i < 50; ++i) {
    if (i == 20) ::usleep(1100000);
    writer.write_line(lines[static_cast<std::size_t>(i)]);
  }
  writer.finish();
  CHECK(bytes_of(folder + "/a.zst") == bytes_of(folder + "/b.zst"));
}

TEST_CASE("marks tell program, digest, shard and count, the digest also when it is known only at the end") {
  const std::string path = fresh_folder("marks") + "/out.zst";
  WriterOptions options = to_file(path);
  options.shard = 3, options.shards = 5, options.digest = "early";
  RecordWriter writer(options);
  writer.write_line("{}");
  writer.set_digest("late");
  writer.finish();
  const auto marks = read_all({path}).streams[0].marks;
  REQUIRE(marks.size() == 2);
  CHECK(!marks[0].closing);
  CHECK(marks[0].digest == "early");
  CHECK(marks[1].closing);
  CHECK(marks[1].digest == "late");
  CHECK(marks[1].program == "test");
  CHECK(marks[1].shard == 3);
  CHECK(marks[1].shards == 5);
  CHECK(marks[1].records == 1);
}

TEST_CASE("the shard, too, may be known only at the end") {
  const std::string path = fresh_folder("late-shard") + "/out.zst";
  RecordWriter writer(to_file(path));
  writer.write_line("{}");
  writer.set_shard(2, 7);
  writer.finish();
  const auto marks = read_all({path}).streams[0].marks;
  REQUIRE(marks.size() == 2);
  CHECK(marks[0].shards == 1);
  CHECK(marks[1].shard == 2);
  CHECK(marks[1].shards == 7);
}

TEST_CASE("frames hold whole lines, about frame_text each, with checksum and size") {
  const std::string path = fresh_folder("frames") + "/out.zst";
  WriterOptions options = to_file(path);
  options.frame_text = 1000;
  write_lines(options, sample_lines(200));
  const std::string bytes = bytes_of(path);
  int frames = 0;
  for (std::size_t at = bytes.find("\x28\xB5\x2F\xFD"); at != std::string::npos;
       at = bytes.find("\x28\xB5\x2F\xFD", at + 1)) {
    ++frames;
    const auto size = ZSTD_getFrameContentSize(bytes.data() + at, bytes.size() - at);
    CHECK(size < 1100);
    CHECK((bytes[at + 4] & 4) != 0);  // the checksum flag
    std::string text(1100, '\0');
    text.resize(ZSTD_decompress(text.data(), text.size(), bytes.data() + at,
                                ZSTD_findFrameCompressedSize(bytes.data() + at, bytes.size() - at)));
    CHECK(text.front() == '{');
    CHECK(text.back() == '\n');
  }
  CHECK(frames == static_cast<int>(joined(sample_lines(200)).size() / 1000 + 1));
}

TEST_CASE("a full disk is an I/O error: a device, stdout, and a file beyond its limit") {
  WriterOptions full = to_file("/dev/full");
  CHECK(write_some(full, 10) == 74);
  full.zstd = true;
  CHECK(write_some(full, 10) == 74);
  CHECK(std::filesystem::is_character_file("/dev/full"));
  CHECK(WEXITSTATUS(with_stdout("/dev/full", O_WRONLY, [] { return write_some({}, 10); })) == 74);
  const std::string folder = fresh_folder("limit");
  CHECK(WEXITSTATUS(in_child([&] {
          const rlimit limit{5000, 5000};
          ::setrlimit(RLIMIT_FSIZE, &limit);
          return write_some(to_file(folder + "/out.jsonl"), 1000);
        })) == 74);
  CHECK(entries(folder) == 0);
}

TEST_CASE("a device is written as it stands, without force and without a temporary name") {
  CHECK(write_some(to_file("/dev/null"), 10) == 0);
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

TEST_CASE("stdout is plain, zstd with -z, and zstd where it is a file named .zst") {
  const std::string folder = fresh_folder("stdout");
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  CHECK(with_stdout(folder + "/a.jsonl", flags, [] { return write_some({}, 3); }) == 0);
  CHECK(with_stdout(folder + "/b.zst", flags, [] { return write_some({}, 3); }) == 0);
  WriterOptions zstd;
  zstd.zstd = true, zstd.path = "-";
  CHECK(with_stdout(folder + "/c", flags, [&] { return write_some(zstd, 3); }) == 0);
  CHECK(with_stdout(folder + "/c", O_WRONLY | O_APPEND, [&] { return write_some(zstd, 3); }) == 0);
  CHECK(bytes_of(folder + "/a.jsonl") == joined(sample_lines(3)));
  CHECK(read_all({folder + "/b.zst"}).lines == sample_lines(3));
  CHECK(read_all({folder + "/b.zst"}).streams[0].zstd);
  CHECK(read_all({folder + "/c"}).lines.size() == 6);
}

TEST_CASE("compressed data is not written to a terminal") {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(master >= 0);
  REQUIRE((::grantpt(master) == 0 && ::unlockpt(master) == 0));
  const std::string terminal = ::ptsname(master);
  WriterOptions zstd;
  zstd.zstd = true;
  CHECK(WEXITSTATUS(with_stdout(terminal, O_WRONLY | O_NOCTTY, [&] { return write_some(zstd, 1); })) == 64);
  CHECK(WEXITSTATUS(with_stdout(terminal, O_WRONLY | O_NOCTTY, [&] { return write_some({}, 1); })) == 0);
  zstd.path = terminal;
  CHECK(write_some(zstd, 1) == 64);
  ::close(master);
}

TEST_CASE("a reader that leaves ends the writer by SIGPIPE, also where that is ignored") {
  for (const bool ignored : {false, true}) {
    const int status = in_child([&] {
      int ends[2];
      if (::pipe(ends) != 0) return 99;
      ::close(ends[0]);
      ::dup2(ends[1], 1);
      ::signal(SIGPIPE, ignored ? SIG_IGN : SIG_DFL);
      return write_some({}, 10);
    });
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGPIPE);
  }
}

TEST_CASE("a non-blocking pipe is waited for, in writing and in reading") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_NONBLOCK) == 0);
  const auto lines = sample_lines(20000);  // more than a pipe holds
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(ends[1], 1);
    ::close(ends[0]), ::close(ends[1]);
    ::usleep(100000);  // the reader finds nothing first
    ::_exit(write_some({}, 20000));
  }
  ::close(ends[1]);
  const int saved = ::dup(0);
  ::dup2(ends[0], 0);
  ::close(ends[0]);
  ::usleep(50000);
  Reading reading;
  {
    RecordReader reader({"-"});
    reading.outcome = outcome_of([&] {
      Record record;
      for (int i = 0; reader.next(record); ++i) {
        if (i == 0) ::usleep(200000);  // the writer finds it full
        reading.lines.push_back(record.line());
      }
    });
  }
  ::dup2(saved, 0);
  ::close(saved);
  int status = -1;
  ::waitpid(pid, &status, 0);
  CHECK(status == 0);
  CHECK(reading.outcome.message == "");
  CHECK(reading.lines == lines);
}

TEST_CASE("on a pipe a record is passed on when a second has gone by") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(ends[1], 1);
    RecordWriter writer(WriterOptions{});
    ::usleep(1100000);
    writer.write_line("{\"a\":1}");
    ::pause();
    ::_exit(0);
  }
  ::close(ends[1]);
  char text[100] = {};
  CHECK(::read(ends[0], text, sizeof text) == 8);
  CHECK(std::string(text) == "{\"a\":1}\n");
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  ::close(ends[0]);
}

TEST_CASE("what a killed process left is swept by the next, what a living one writes is not") {
  const std::string folder = fresh_folder("sweep"), path = folder + "/out.zst";
  in_child([&] {
    RecordWriter writer(to_file(path));
    writer.write_line("{}");
    writer.flush();
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  CHECK(entries(folder) == 1);
  std::filesystem::create_directory(folder + "/unrelated.part");
  std::ofstream(folder + "/.out.zst.0.elsewhere.1.1.part") << "of another host";
  std::ofstream(folder + "/.out.zst.other.part") << "no name of ours";
  WriterOptions options = to_file(path);
  options.force = true;
  {
    RecordWriter writer(options);  // alive: two at once keep out of each other's way
    const int status = in_child([&] { return write_some(options, 3); });
    CHECK(status == 0);
    writer.write_line("{\"last\":1}");
    writer.finish();
  }
  CHECK(read_all({path}).lines == std::vector<std::string>{"{\"last\":1}"});  // with force the last rename wins
  CHECK(entries(folder) == 4);
}

TEST_CASE("a long name is written too") {
  const std::string folder = fresh_folder("long"), path = folder + "/" + std::string(250, 'n');
  write_lines(to_file(path), {"{}"});
  CHECK(bytes_of(path) == "{}\n");
}

TEST_CASE("a line that holds a newline is our own fault") {
  RecordWriter writer(to_file(scratch("newline")));
  CHECK(outcome_of([&] { writer.write_line("{}\n{}"); }).status == 70);
}

TEST_CASE("finish twice is once, and a moved writer goes on") {
  const std::string path = fresh_folder("twice") + "/out";
  RecordWriter first(to_file(path));
  first.write_line("{}");
  RecordWriter second(std::move(first));
  second.write_line("{}");
  CHECK(second.records() == 2);
  second.finish();
  second.finish();
  CHECK(bytes_of(path) == "{}\n{}\n");
}
