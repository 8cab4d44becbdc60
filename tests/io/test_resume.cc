// Going on after a kill: the same command ends in the same bytes.
#include <signal.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>

#include "lib/io/descriptor.h"
#include "tests/io/helpers.h"

using namespace nudge;
using namespace nudge::test;

namespace {

std::string fresh_folder(const std::string& name) {
  std::filesystem::remove_all(scratch(name));
  std::filesystem::create_directory(scratch(name));
  return scratch(name);
}

WriterOptions resumable(const std::string& path) {
  WriterOptions options = to_file(path);
  options.resume = true;
  options.frame_text = 200;
  return options;
}

// The rest of the work after what is there already.
void go_on(RecordWriter& writer, const std::vector<std::string>& lines, std::size_t until) {
  for (auto i = static_cast<std::size_t>(writer.resumed()); i < until; ++i) writer.write_line(lines[i]);
}

void killed_after(const WriterOptions& options, const std::vector<std::string>& lines, std::size_t until) {
  const int status = in_child([&] {
    RecordWriter writer(options);
    go_on(writer, lines, until);
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  CHECK(WIFSIGNALED(status));
}

std::string only_entry(const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) return entry.path().string();
  return {};
}

}  // namespace

TEST_CASE("killed again and again, the same command ends in the same bytes") {
  const auto lines = sample_lines(100);
  for (const char* name : {"/out.jsonl", "/out.jsonl.zst"}) {
    CAPTURE(name);
    const std::string once = fresh_folder("once") + name, again = fresh_folder("again") + name;
    write_lines(resumable(once), lines);
    std::int64_t before = 0;
    for (const std::size_t until : {3, 30, 31, 60, 95}) killed_after(resumable(again), lines, until);
    RecordWriter writer(resumable(again));
    before = writer.resumed();
    // Frames of some 9 lines: the one that is gathered is lost, and at most three that the thread has in hand.
    CHECK(before > 95 - 4 * 10);
    go_on(writer, lines, lines.size());
    writer.finish();
    CHECK(bytes_of(again) == bytes_of(once));
    CHECK(std::distance(std::filesystem::directory_iterator(scratch("again")), {}) == 1);
  }
}

TEST_CASE("killed on one host, the work goes on at another, which leaves the first one's file") {
  const auto lines = sample_lines(100);
  for (const char* name : {"/out.jsonl", "/out.jsonl.zst"}) {
    CAPTURE(name);
    const std::string once = fresh_folder("once") + name, again = fresh_folder("again") + name;
    write_lines(resumable(once), lines);
    killed_after(resumable(again), lines, 95);
    // The same name with another HOST: .NAME.TAG.HOST.PID.START.part
    const std::string here = only_entry(scratch("again"));
    const std::size_t start = here.rfind('.', here.rfind('.') - 1), pid = here.rfind('.', start - 1);
    const std::string there = here.substr(0, here.rfind('.', pid - 1)) + ".elsewhere" + here.substr(pid);
    std::filesystem::rename(here, there);
    std::ofstream(scratch("again") + "/.out" + (name + 4) + ".othertag.elsewhere.1.1.part") << std::string(9999, 'x');
    const std::string unfinished = bytes_of(there);
    {
      RecordWriter writer(resumable(again));
      CHECK(writer.resumed() > 95 - 4 * 10);
      go_on(writer, lines, lines.size());
      writer.finish();
    }
    CHECK(bytes_of(again) == bytes_of(once));
    CHECK(bytes_of(there) == unfinished);
    CHECK(std::distance(std::filesystem::directory_iterator(scratch("again")), {}) == 3);
  }
}

TEST_CASE("stopped at any record, the work goes on at that record and ends in the same bytes") {
  const auto lines = sample_lines(40);
  for (const char* name : {"/out.jsonl", "/out.jsonl.zst"}) {
    CAPTURE(name);
    const std::string once = fresh_folder("once") + name, again = fresh_folder("again") + name;
    write_lines(resumable(once), lines);
    for (std::size_t until = 0; until <= lines.size(); until += 3) {
      RecordWriter writer(resumable(again));
      CHECK(writer.resumed() == static_cast<std::int64_t>(until < 3 ? 0 : until - 3));
      go_on(writer, lines, until);
      CHECK(writer.suspend());
      CHECK(!std::filesystem::exists(again));
    }
    RecordWriter writer(resumable(again));
    go_on(writer, lines, lines.size());
    writer.finish();
    CHECK(bytes_of(again) == bytes_of(once));
  }
}

TEST_CASE("an unfinished file cut at every length is gone on with to the same bytes") {
  const auto lines = sample_lines(14);
  const std::string once = fresh_folder("once") + "/o.zst", folder = fresh_folder("again"), again = folder + "/o.zst";
  write_lines(resumable(once), lines);
  {
    RecordWriter writer(resumable(again));
    go_on(writer, lines, 12);
    writer.suspend();
  }
  const std::string name = only_entry(folder), bytes = bytes_of(name);
  int same = 0, kept = -1;
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    std::ofstream(name, std::ios::binary) << bytes.substr(0, length);
    RecordWriter writer(resumable(again));
    CHECK(writer.resumed() >= kept);
    kept = static_cast<int>(writer.resumed());
    go_on(writer, lines, lines.size());
    writer.finish();
    same += bytes_of(again) == bytes_of(once);
    std::filesystem::remove(again);
  }
  CHECK(same == static_cast<int>(bytes.size()) + 1);
  CHECK(kept == 12);
}

TEST_CASE("an unfinished file with a flipped bit is gone on with from before it") {
  const auto lines = sample_lines(20);
  const std::string once = fresh_folder("once") + "/o.zst", folder = fresh_folder("again"), again = folder + "/o.zst";
  write_lines(resumable(once), lines);
  {
    RecordWriter writer(resumable(again));
    go_on(writer, lines, 18);
    writer.flush();  // all in frames: plain lines behind them have no checksum
    writer.suspend();
  }
  const std::string name = only_entry(folder), bytes = bytes_of(name);
  int same = 0, tried = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 3, ++tried) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 16);
    std::ofstream(name, std::ios::binary) << flipped;
    RecordWriter writer(resumable(again));
    go_on(writer, lines, lines.size());
    writer.finish();
    same += read_all({again}).lines == lines;
    std::filesystem::remove(again);
  }
  CHECK(same == tried);
}

TEST_CASE("a second without a frame's end is kept all the same") {
  const auto lines = sample_lines(6);
  const std::string path = fresh_folder("journal") + "/out.zst";
  const int status = in_child([&] {
    RecordWriter writer(resumable(path));
    for (int i = 0; i < 4; ++i) writer.write_line(lines[static_cast<std::size_t>(i)]);
    ::usleep(1100000);
    writer.write_line(lines[4]);
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  CHECK(WIFSIGNALED(status));
  RecordWriter writer(resumable(path));
  CHECK(writer.resumed() == 5);
  go_on(writer, lines, 6);
  writer.finish();
  CHECK(read_all({path}).lines == lines);
}

TEST_CASE("what was written before a pause is kept too, where the program asks for it") {
  const auto lines = sample_lines(4);
  for (const bool all : {true, false})
    for (const char* name : {"/out.jsonl", "/out.zst"}) {
      const std::string path = fresh_folder("pause") + name;
      const int status = in_child([&] {
        RecordWriter writer(resumable(path));
        writer.keep_up();
        ::usleep(1100000);
        for (const std::string& line : lines) writer.write_line(line);  // the first is late and passed on
        if (all) writer.keep_up();
        ::kill(::getpid(), SIGKILL);
        return 0;
      });
      CHECK(WIFSIGNALED(status));
      RecordWriter writer(resumable(path));
      CHECK(writer.resumed() == (all ? 4 : 1));
      writer.keep_first(0);
    }
}

TEST_CASE("where saving fails, what was written before is kept") {
  const auto lines = sample_lines(100);
  for (const char* name : {"/out.jsonl", "/out.zst"}) {
    const std::string folder = fresh_folder("full"), path = folder + name;
    const int status = in_child([&] {
      RecordWriter writer(resumable(path));
      go_on(writer, lines, 45);
      writer.flush();
      const rlimit full{std::filesystem::file_size(only_entry(folder)), RLIM_INFINITY};
      ::setrlimit(RLIMIT_FSIZE, &full);
      writer.write_line(lines[45]);
      return outcome_of([&] { writer.suspend(); }).status;
    });
    CHECK(WEXITSTATUS(status) == 74);
    RecordWriter writer(resumable(path));
    CHECK(writer.resumed() == 45);
    go_on(writer, lines, lines.size());
    writer.finish();
    CHECK(read_all({path}).lines == lines);
  }
}

TEST_CASE("only the same work is gone on with: digest, program, shard and form") {
  const auto lines = sample_lines(30);
  const std::string folder = fresh_folder("work"), path = folder + "/out";
  const auto resumed_with = [&](auto change) {
    { std::filesystem::remove_all(folder), std::filesystem::create_directory(folder); }
    RecordWriter first(resumable(path));
    go_on(first, lines, 20);
    first.suspend();
    WriterOptions options = resumable(path);
    change(options);
    return RecordWriter(options).resumed();
  };
  CHECK(resumed_with([](WriterOptions&) {}) == 20);
  CHECK(resumed_with([](WriterOptions& o) { o.digest = "other"; }) == 0);
  CHECK(resumed_with([](WriterOptions& o) { o.program = "other"; }) == 0);
  CHECK(resumed_with([](WriterOptions& o) { o.shard = 1, o.shards = 2; }) == 0);
  CHECK(resumed_with([](WriterOptions& o) { o.zstd = true; }) == 0);
  CHECK(resumed_with([](WriterOptions& o) { o.resume = false; }) == 0);
  CHECK(std::filesystem::is_empty(folder));  // what is of no use is swept
}

// The records that a writer has kept.
std::vector<std::string> kept_lines(RecordWriter& writer) {
  std::vector<std::string> lines;
  for (Record record; writer.next_kept(record);) lines.push_back(record.line());
  return lines;
}

TEST_CASE("what is kept can be looked at, in frames, behind them and plain") {
  const auto lines = sample_lines(40);
  for (const char* name : {"/out.jsonl", "/out.jsonl.zst"}) {
    for (const std::size_t until : {0, 1, 9, 10, 25, 40}) {
      const std::string path = fresh_folder("kept") + name;
      for (int i = 0; i < 2; ++i) {
        RecordWriter writer(resumable(path));
        CHECK(kept_lines(writer) == std::vector<std::string>(lines.begin(), lines.begin() + writer.resumed()));
        go_on(writer, lines, until);
        writer.suspend();
      }
      RecordWriter writer(resumable(path));
      CHECK(kept_lines(writer).size() == until);
    }
  }
  RecordWriter stream(to_file("/dev/null"));
  CHECK(kept_lines(stream).empty());
}

TEST_CASE("of what is kept any number of the first can be kept alone, and the rest is made anew") {
  const auto lines = sample_lines(40);
  auto others = lines;
  for (const char* name : {"/out.jsonl", "/out.jsonl.zst"}) {
    const std::string once = fresh_folder("once") + name;
    write_lines(resumable(once), lines);
    for (std::size_t first = 0; first <= 30; ++first) {
      const std::string again = fresh_folder("again") + name;
      for (std::size_t i = 0; i < others.size(); ++i) others[i] = i < first ? lines[i] : "{\"other\":1}";
      {
        RecordWriter writer(resumable(again));
        go_on(writer, others, 30);
        writer.suspend();
      }
      if (first % 2 == 0) {  // a kill behind it finds what was kept
        const int status = in_child([&] {
          RecordWriter writer(resumable(again));
          writer.keep_first(static_cast<std::int64_t>(first));
          ::kill(::getpid(), SIGKILL);
          return 0;
        });
        CHECK(WIFSIGNALED(status));
        RecordWriter writer(resumable(again));
        CHECK(writer.resumed() == static_cast<std::int64_t>(first));
        writer.suspend();
      }
      RecordWriter writer(resumable(again));
      writer.keep_first(static_cast<std::int64_t>(first));
      CHECK(writer.resumed() == static_cast<std::int64_t>(first));
      CHECK(writer.records() == writer.resumed());
      go_on(writer, lines, lines.size());
      writer.finish();
      CHECK(bytes_of(again) == bytes_of(once));
    }
  }
}

TEST_CASE("an error does not take away what an earlier run left") {
  const auto lines = sample_lines(40);
  for (const char* name : {"/out.jsonl", "/out.jsonl.zst"}) {
    const std::string folder = fresh_folder("error"), path = folder + name;
    {
      RecordWriter writer(resumable(path));
      go_on(writer, lines, 20);
    }
    CHECK(std::filesystem::is_empty(folder));  // the first run's error does
    {
      RecordWriter writer(resumable(path));
      go_on(writer, lines, 20);
      writer.suspend();
    }
    {
      RecordWriter writer(resumable(path));
      CHECK(writer.resumed() == 20);
      go_on(writer, lines, 21);
    }
    RecordWriter writer(resumable(path));
    CHECK(writer.resumed() >= 20);
    writer.keep_first(0);
  }
}

TEST_CASE("suspending what can't be gone on with leaves nothing, a stream ends without its end mark") {
  const std::string folder = fresh_folder("suspend");
  WriterOptions options = to_file(folder + "/out");
  {
    RecordWriter writer(options);
    writer.write_line("{}");
    CHECK_FALSE(writer.suspend());
  }
  CHECK(std::filesystem::is_empty(folder));
  in_child([&] {
    if (!freopen((folder + "/stream.zst").c_str(), "w", stdout)) return 99;
    RecordWriter writer(WriterOptions{});
    writer.write_line("{}");
    writer.suspend();
    return 0;
  });
  const Reading reading = read_all({folder + "/stream.zst"});
  CHECK(reading.lines.size() == 1);
  CHECK(reading.outcome.message.find("the end mark is missing") != std::string::npos);
}
