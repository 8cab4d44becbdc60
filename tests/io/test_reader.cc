// Reading: plain and zstd, one file and several, and what is refused.
#include <sys/stat.h>

#include "tests/io/helpers.h"

using namespace nudge;
using namespace nudge::test;

TEST_CASE("plain and compressed files give the same records and the same digest") {
  const auto lines = sample_lines(500);
  write_lines(to_file(scratch("same.jsonl")), lines);
  write_lines(to_file(scratch("same.jsonl.zst")), lines);
  WriterOptions small = to_file(scratch("small.zst"));
  small.frame_text = 100;
  write_lines(small, lines);
  const Reading plain = read_all({scratch("same.jsonl")}), zstd = read_all({scratch("same.jsonl.zst")});
  const Reading frames = read_all({scratch("small.zst")});
  CHECK(plain.outcome.message == "");
  CHECK(zstd.outcome.message == "");
  CHECK(frames.outcome.message == "");
  CHECK(plain.lines == lines);
  CHECK(zstd.lines == lines);
  CHECK(frames.lines == lines);
  CHECK(plain.digest == zstd.digest);
  CHECK(plain.digest == frames.digest);
  CHECK(frames.streams[0].frames > 50);
  CHECK(zstd.streams[0].frames == 1);
}

TEST_CASE("the digest ignores line ends and the split over files, and sees every byte else") {
  const std::string unix_ends = make_file("d1", "{\"a\":1}\n{\"b\":2}\n"),
                    dos_ends = make_file("d2", "{\"a\":1}\r\n{\"b\":2}\r\n");
  const std::string first = make_file("d3", "{\"a\":1}\n"), second = make_file("d4", "{\"b\":2}");
  const std::string other = make_file("d5", "{\"a\":1}\n{\"b\":3}\n");
  CHECK(read_all({unix_ends}).digest == read_all({dos_ends}).digest);
  CHECK(read_all({unix_ends}).digest == read_all({first, second}).digest);
  CHECK(read_all({unix_ends}).digest != read_all({other}).digest);
  CHECK(read_all({unix_ends}).digest != read_all({second, first}).digest);
}

TEST_CASE("zstd is told by its first bytes, not by the name") {
  const std::string named = make_file("plain.zst", "{\"a\":1}\n"),
                    unnamed = make_file("zstd.txt", foreign_frame("{\"a\":1}\n"));
  CHECK(read_all({named}).lines == std::vector<std::string>{"{\"a\":1}"});
  CHECK(read_all({unnamed}).lines == std::vector<std::string>{"{\"a\":1}"});
  CHECK(!read_all({named}).streams[0].zstd);
  CHECK(read_all({unnamed}).streams[0].zstd);
}

TEST_CASE("what zstdcat prints of our file is the plain file") {
  const auto lines = sample_lines(300);
  WriterOptions options = to_file(scratch("cat.zst"));
  options.frame_text = 1000;
  write_lines(options, lines);
  CHECK(decompressed(bytes_of(scratch("cat.zst"))) == joined(lines));
}

TEST_CASE("CRLF is tolerated, a last line without newline counts when it is whole") {
  CHECK(read_all({make_file("crlf", "{\"a\":1}\r\n{\"b\":2}")}).lines ==
        std::vector<std::string>{"{\"a\":1}", "{\"b\":2}"});
  const Reading cut = read_all({make_file("cutline", "{\"a\":1}\n{\"b\":2")});
  CHECK(cut.lines == std::vector<std::string>{"{\"a\":1}"});
  CHECK(cut.outcome.status == 65);
  CHECK(cut.outcome.message ==
        scratch("cutline") + ": after record 1, byte 14: the input ends in the middle of a line");
}

TEST_CASE("empty inputs are refused") {
  CHECK(read_all({make_file("empty", "")}).outcome.message == scratch("empty") + ": empty input");
  CHECK(read_all({"/dev/null"}).outcome.status == 65);
  CHECK(read_all({make_file("empty.zst", foreign_frame(""))}).outcome.message ==
        scratch("empty.zst") + ": holds no records");
  CHECK(read_all({make_file("one", "{}\n"), scratch("empty")}).outcome.status == 65);
}

TEST_CASE("a finished stream of ours without records is fine") {
  write_lines(to_file(scratch("none.zst")), {});
  const Reading reading = read_all({scratch("none.zst")});
  CHECK(reading.outcome.message == "");
  CHECK(reading.lines.empty());
  CHECK(reading.streams[0].marks.size() == 2);
  CHECK(decompressed(bytes_of(scratch("none.zst"))) == "");
}

TEST_CASE("missing files and folders are no input, before anything is read") {
  CHECK(outcome_of([] { RecordReader({scratch("absent")}); }).status == 66);
  CHECK(outcome_of([] { RecordReader({scratch("absent")}); }).message.find("No such file") != std::string::npos);
  CHECK(outcome_of([] { RecordReader({scratch_folder()}); }).message == scratch_folder() + ": is a folder, not a file");
  CHECK(outcome_of([] { RecordReader({scratch_folder()}); }).status == 66);
}

TEST_CASE("a bad line is named by file and record, counted from 1 within its file") {
  const std::string good = make_file("good", "{}\n{}\n{}\n");
  for (const char* bad : {"nonsense", "[]", "{\"a\":01e999}", "{\"a\":NaN}", "{\"a\":1,\"a\":2}", "{\"a\":\"\xff\"}"}) {
    CAPTURE(bad);
    const Reading reading = read_all({good, make_file("bad", std::string("{}\n") + bad + "\n{}\n")});
    CHECK(reading.lines.size() == 4);
    CHECK(reading.outcome.status == 65);
    CHECK(reading.outcome.message.find(scratch("bad") + ": record 2: ") == 0);
  }
}

TEST_CASE("a failed reader stays failed") {
  RecordReader reader({make_file("fails", "{}\nx\n{}\n")});
  Record record;
  CHECK(reader.next(record));
  CHECK(outcome_of([&] { reader.next(record); }).status == 65);
  CHECK(outcome_of([&] { reader.next(record); }).status == 65);
  CHECK(reader.records() == 1);
}

TEST_CASE("lines are bounded, in plain files, zstd files and bombs") {
  ReaderOptions options;
  options.max_line = 1000;
  const std::string fits = "{\"a\":\"" + std::string(1000 - 8, 'x') + "\"}",
                    longer = "{\"a\":\"" + std::string(1000 - 7, 'x') + "\"}";
  CHECK(read_all({make_file("fits", fits + "\n")}, options).lines.size() == 1);
  const Reading plain = read_all({make_file("longer", "{}\n" + longer + "\n{}\n")}, options);
  CHECK(plain.lines.size() == 1);
  CHECK(plain.outcome.status == 65);
  CHECK(plain.outcome.message.find("after record 1") != std::string::npos);
  CHECK(plain.outcome.message.find("a line is longer than 1000 bytes") != std::string::npos);
  CHECK(read_all({make_file("longer.zst", foreign_frame(longer + "\n"))}, options).outcome.status == 65);
  // 64 MB of zeros in a few kilobytes; more than is buffered for a frame.
  const Reading bomb = read_all({make_file("bomb.zst", foreign_frame(std::string(64 << 20, '\0')))}, options);
  CHECK(bomb.outcome.message.find("a line is longer than 1000 bytes") != std::string::npos);
  options.salvage = true;
  const Reading salvaged = read_all({scratch("longer")}, options);
  CHECK(salvaged.lines.size() == 2);
  CHECK(salvaged.report.find("a line is longer") != std::string::npos);
}

TEST_CASE("a foreign frame beyond what is buffered is read piece by piece, its checksum seen at its end") {
  const auto lines = sample_lines(300000);  // some 9 MB: more than 1000 bytes and the margin
  ReaderOptions options;
  options.max_line = 1000;
  std::string frame = foreign_frame(joined(lines));
  CHECK(read_all({make_file("big.zst", frame)}, options).lines == lines);
  frame.back() = static_cast<char>(frame.back() ^ 1);
  const Reading damaged = read_all({make_file("big.zst", frame)}, options);
  CHECK(damaged.outcome.status == 65);
  CHECK(damaged.outcome.message.find("a frame is damaged") != std::string::npos);
}

TEST_CASE("foreign zstd is taken as zstd takes it: no marks, no checksum, lines across frames, several frames") {
  const std::string bytes = foreign_frame("{\"a\":1}\n{\"b\"") + foreign_frame(":2}\n", false) + foreign_frame("") +
                            foreign_frame("{\"c\":3}");
  const Reading reading = read_all({make_file("foreign.zst", bytes)});
  CHECK(reading.outcome.message == "");
  CHECK(reading.lines == std::vector<std::string>{"{\"a\":1}", "{\"b\":2}", "{\"c\":3}"});
  CHECK(reading.streams[0].marks.empty());
  CHECK(reading.streams[0].frames == 4);
}

TEST_CASE("skippable frames of others are skipped, at the start too") {
  const std::string skippable("\x50\x2A\x4D\x18\x05\x00\x00\x00hello", 13);
  std::string large("\x5E\x2A\x4D\x18\x40\x42\x0F\x00", 8);  // 1,000,000 bytes
  large += std::string(1000000, 'z');
  const Reading reading =
      read_all({make_file("skip.zst", skippable + foreign_frame("{}\n") + large + foreign_frame("{}\n"))});
  CHECK(reading.outcome.message == "");
  CHECK(reading.lines.size() == 2);
  CHECK(read_all({make_file("skip.zst", foreign_frame("{}\n") + large.substr(0, 500))}).outcome.status == 65);
}

TEST_CASE("files are read in turn, plain and compressed mixed, and stdin stands for none") {
  const std::string a = make_file("turn1", "{\"n\":1}\n"), b = make_file("turn2", foreign_frame("{\"n\":2}\n"));
  CHECK(read_all({a, b, a}).lines == std::vector<std::string>{"{\"n\":1}", "{\"n\":2}", "{\"n\":1}"});
  const auto from_stdin = [&](const std::vector<std::string>& paths) {
    return WEXITSTATUS(in_child([&] {
      if (!freopen(a.c_str(), "r", stdin)) return 99;
      const Reading reading = read_all(paths);
      return reading.lines.size() == 1 && reading.streams[0].name == "stdin" ? 7 : 98;
    }));
  };
  CHECK(from_stdin({}) == 7);
  CHECK(from_stdin({"-"}) == 7);
}

TEST_CASE("a pipe that gives one byte at a time is read the same") {
  const auto lines = sample_lines(30);
  WriterOptions options = to_file(scratch("slow.zst"));
  options.frame_text = 100;
  write_lines(options, lines);
  const std::string fifo = scratch("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::ofstream to(fifo, std::ios::binary);
    for (const char c : bytes_of(scratch("slow.zst"))) to.put(c).flush();
    to.close();
    ::_exit(0);
  }
  CHECK(read_all({fifo}).lines == lines);
  ::waitpid(pid, nullptr, 0);
}

TEST_CASE("an output that is an input is refused, by whatever name") {
  const std::string path = make_file("inout", "{}\n");
  REQUIRE(::symlink(path.c_str(), scratch("inout.link").c_str()) == 0);
  CHECK(outcome_of([&] { refuse_same_file({"x", path}, path); }).status == 64);
  CHECK(outcome_of([&] { refuse_same_file({path}, scratch("inout.link")); }).status == 64);
  CHECK(outcome_of([&] { refuse_same_file({path}, scratch("new")); }).status == 0);
  CHECK(outcome_of([&] { refuse_same_file({"/dev/null"}, "/dev/null"); }).status == 0);
  CHECK(WEXITSTATUS(in_child([&] {
          if (!freopen(path.c_str(), "r", stdin) || !freopen(path.c_str(), "a", stdout)) return 99;
          return outcome_of([] { refuse_same_file({}, "-"); }).status;
        })) == 64);
}

TEST_CASE("a blank line is nothing, wherever it stands") {
  const std::vector<std::string> lines{"{\"a\":1}", "{\"b\":2}"};
  const std::string none = joined(lines);
  const Reading wanted = read_all({make_file("without", none)});
  std::vector<std::string> copied;
  ReaderOptions options;
  options.copy = [&](std::string_view line) { copied.emplace_back(line); };
  for (const char* blank : {"\n", "\r\n", " \n", "\t \r\n", "\n\n \n"}) {
    CAPTURE(blank);
    const std::string text = blank + lines[0] + '\n' + blank + lines[1] + '\n' + blank;
    for (const std::string& bytes :
         {text, text + "  ", foreign_frame(text), foreign_frame(blank) + foreign_frame(text)}) {
      copied.clear();
      const Reading reading = read_all({make_file("blanks", bytes)}, options);
      CHECK(reading.outcome.message == "");
      CHECK(reading.lines == lines);
      CHECK(copied == lines);
      CHECK(reading.digest == wanted.digest);
      CHECK(reading.streams[0].records == 2);
      CHECK(reading.streams[0].unmarked == 2);
      CHECK(reading.streams[0].damage.empty());
    }
    const Reading bad = read_all({make_file("bad", blank + none + blank + "x\n")});
    CHECK(bad.outcome.message.find(scratch("bad") + ": record 3: ") == 0);
    CHECK(read_all({make_file("blanks", blank)}).outcome.message == scratch("blanks") + ": holds no records");
  }
}

TEST_CASE("what is no stream of records is refused with salvage too, in the same words") {
  ReaderOptions salvage;
  salvage.salvage = true;
  const std::string records = joined(sample_lines(3));
  for (const std::string& bytes :
       {std::string("\x1F\x8B\x08\0\0", 5), std::string("a,b\n1,2\n"), std::string("[{}]"),
        std::string("{\n\"a\": 1\n}\n"), foreign_frame("[\n{}\n]\n"), "\xEF\xBB\xBF" + records}) {
    CAPTURE(bytes);
    const Reading strict = read_all({make_file("foreign", bytes)}), lenient = read_all({scratch("foreign")}, salvage);
    CHECK(strict.outcome.status == 65);
    CHECK(strict.outcome.advice != "");
    CHECK(lenient.outcome.message == strict.outcome.message);
    CHECK(lenient.outcome.advice == strict.outcome.advice);
    CHECK(lenient.lines.empty());
    CHECK(lenient.report == "");
    // Each input has a beginning of its own; what comes behind records is a damaged line.
    CHECK(read_all({make_file("first", records), scratch("foreign")}).outcome.message == strict.outcome.message);
    CHECK(read_all({make_file("behind", records + bytes)}, salvage).lines.size() >= 3);
  }
}

TEST_CASE("a copy of the lines has their digest, blanks and all") {
  const std::string text = "{\"a\": 1}\r\n{\"a\":  2 }\n{\"a\":3}";
  std::vector<std::string> lines;
  ReaderOptions options;
  options.copy = [&](std::string_view line) { lines.emplace_back(line); };
  const Reading reading = read_all({make_file("copied", text)}, options);
  CHECK(lines == std::vector<std::string>{"{\"a\": 1}", "{\"a\":  2 }", "{\"a\":3}"});
  CHECK(read_all({make_file("copied", joined(lines))}).digest == reading.digest);
}
