// Damage: cut anywhere, flipped bits, marks that are missing, and what salvage makes of it.
#include <sys/resource.h>

#include <algorithm>
#include <new>

#include "lib/io/mark.h"
#include "tests/io/helpers.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// A small finished stream of several frames.
std::string sample_stream(const std::vector<std::string>& lines, int shard = 0, int shards = 1,
                          const std::string& digest = "d1") {
  WriterOptions options = to_file(scratch("stream.zst"));
  options.force = true;
  options.frame_text = 120;
  options.shard = shard, options.shards = shards, options.digest = digest;
  write_lines(options, lines);
  return bytes_of(scratch("stream.zst"));
}

// A record in a frame of one raw block that asks for a window of 2^log bytes (RFC 8878, 3.1.1).
std::string frame_of_window(int log) {
  return std::string("\x28\xB5\x2F\xFD", 4) + '\0' + static_cast<char>((log - 10) << 3) +
         std::string("\x19\x00\x00", 3) + "{}\n";
}

bool is_prefix(const std::vector<std::string>& part, const std::vector<std::string>& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

ReaderOptions salvage() {
  ReaderOptions options;
  options.salvage = true;
  return options;
}

}  // namespace

TEST_CASE("a compressed file cut at every length gives whole records and 65, with salvage no error") {
  const auto lines = sample_lines(20);
  const std::string bytes = sample_stream(lines);
  int refused = 0, prefixes = 0, salvaged = 0, at_least = 0;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const std::string path = memory_file(bytes.substr(0, length));
    const Reading strict = read_all({path}), loose = read_all({path}, salvage());
    refused += strict.outcome.status == 65;
    prefixes += is_prefix(strict.lines, lines);
    salvaged += loose.outcome.status == 0 && is_prefix(loose.lines, lines) && !loose.report.empty();
    at_least += loose.lines.size() >= strict.lines.size();
  }
  const int all = static_cast<int>(bytes.size());
  CHECK(refused == all);
  CHECK(prefixes == all);
  CHECK(salvaged == all);
  CHECK(at_least == all);
  CHECK(read_all({memory_file(bytes)}).lines == lines);
}

TEST_CASE("a plain file cut at every length gives whole records, and 65 where a line is cut") {
  const auto lines = sample_lines(5);
  const std::string bytes = joined(lines);
  for (std::size_t length = 1; length < bytes.size(); ++length) {
    CAPTURE(length);
    const Reading reading = read_all({memory_file(bytes.substr(0, length))});
    // At a line's end, with or without its newline, a plain file can't know that it was longer.
    const bool at_end = bytes[length - 1] == '\n' || bytes[length] == '\n';
    CHECK(reading.outcome.status == (at_end ? 0 : 65));
    CHECK(is_prefix(reading.lines, lines));
  }
}

TEST_CASE("a flipped bit anywhere in a compressed file is 65 with whole records, or harmless") {
  const auto lines = sample_lines(12);
  const std::string bytes = sample_stream(lines);
  int bad = 0, refused = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
      const Reading reading = read_all({memory_file(flipped)});
      const bool harmless = reading.outcome.status == 0 && reading.lines == lines;
      refused += reading.outcome.status == 65;
      bad += !harmless && !(reading.outcome.status == 65 && is_prefix(reading.lines, lines));
    }
  }
  CHECK(bad == 0);
  CHECK(refused > static_cast<int>(bytes.size()) * 7);
}

TEST_CASE("salvage of a flipped bit anywhere delivers only records that were there, and tells the loss") {
  const auto lines = sample_lines(12);
  const std::string bytes = sample_stream(lines);
  int bad = 0;
  for (std::size_t at = 8; at < bytes.size(); at += 3) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    const Reading reading = read_all({memory_file(flipped)}, salvage());
    bad += reading.outcome.status != 0 || (reading.report.empty() && reading.lines != lines);
    std::size_t found = 0;  // in order, none twice
    for (const std::string& line : lines) found += found < reading.lines.size() && reading.lines[found] == line;
    bad += found != reading.lines.size() || reading.lines.size() + 6 < lines.size();  // a frame holds 6 at most
  }
  CHECK(bad == 0);
}

TEST_CASE("a damaged frame is named with record and byte, and salvage goes on behind it") {
  const auto lines = sample_lines(20);
  std::string bytes = sample_stream(lines);
  const std::string magic = "\x28\xB5\x2F\xFD";
  const std::size_t first = bytes.find(magic), second = bytes.find(magic, first + 1),
                    third = bytes.find(magic, second + 1);
  bytes[third - 1] = static_cast<char>(bytes[third - 1] ^ 1);  // the second frame's checksum
  const Reading strict = read_all({make_file("frame.zst", bytes)});
  const std::size_t per_frame = strict.lines.size();
  CHECK(strict.outcome.message.find(scratch("frame.zst") + ": after record " + std::to_string(per_frame) + ", byte " +
                                    std::to_string(second) + ": a frame is damaged") == 0);
  CHECK(strict.outcome.advice.find("--salvage") != std::string::npos);
  const Reading loose = read_all({scratch("frame.zst")}, salvage());
  CHECK(loose.lines.size() == 20 - per_frame);
  CHECK(loose.lines.back() == lines.back());
  CHECK(loose.report.find("the end mark counts 20 records, but there are " + std::to_string(20 - per_frame)) !=
        std::string::npos);
  CHECK(loose.streams[0].damage.size() == 2);
}

TEST_CASE("a whole frame that is missing or doubled is seen by the end mark's count") {
  const auto lines = sample_lines(20);
  const std::string bytes = sample_stream(lines), magic = "\x28\xB5\x2F\xFD";
  const std::size_t first = bytes.find(magic), second = bytes.find(magic, first + 1);
  const std::string missing = bytes.substr(0, first) + bytes.substr(second);
  const std::string doubled = bytes.substr(0, second) + bytes.substr(first);
  CHECK(read_all({make_file("m.zst", missing)}).outcome.message.find("the end mark counts 20 records") !=
        std::string::npos);
  CHECK(read_all({make_file("m.zst", doubled)}).outcome.status == 65);
}

TEST_CASE("frames in another order are seen by the end mark's digest") {
  const auto lines = sample_lines(20);
  const std::string bytes = sample_stream(lines), magic = "\x28\xB5\x2F\xFD";
  const std::size_t a = bytes.find(magic), b = bytes.find(magic, a + 1), c = bytes.find(magic, b + 1);
  const std::string swapped = bytes.substr(0, a) + bytes.substr(b, c - b) + bytes.substr(a, b - a) + bytes.substr(c);
  CHECK(read_all({make_file("swap.zst", swapped)})
            .outcome.message.find("the records differ from the digest in the end mark") != std::string::npos);
}

TEST_CASE("opened and not closed is incomplete") {
  const auto lines = sample_lines(20);
  const std::string bytes = sample_stream(lines);
  const std::size_t end = bytes.rfind("\x5B\x2A\x4D\x18");
  const Reading strict = read_all({make_file("open.zst", bytes.substr(0, end))});
  CHECK(strict.lines == lines);
  CHECK(strict.outcome.status == 65);
  CHECK(strict.outcome.message.find("incomplete: the end mark is missing") != std::string::npos);
  const Reading loose = read_all({scratch("open.zst")}, salvage());
  CHECK(loose.outcome.status == 0);
  CHECK(loose.lines == lines);
  CHECK(loose.report.find("the end mark is missing") != std::string::npos);
}

TEST_CASE("an end mark without its beginning is damage") {
  const auto lines = sample_lines(20);
  const std::string bytes = sample_stream(lines);
  const Reading reading = read_all({make_file("tail.zst", bytes.substr(bytes.find("\x28\xB5\x2F\xFD")))});
  CHECK(reading.outcome.message.find("without its opening mark") != std::string::npos);
}

TEST_CASE("within a stream of ours a frame has to have a checksum") {
  StreamMark open, close;
  close.closing = true;
  const Reading reading =
      read_all({make_file("nosum.zst", encode_mark(open) + foreign_frame("{}\n", false) + encode_mark(close))});
  CHECK(reading.outcome.message.find("a frame has no checksum") != std::string::npos);
}

TEST_CASE("concatenated streams are accepted and each one's marks are checked") {
  const auto lines = sample_lines(9), more = sample_lines(4);
  const std::string a = sample_stream(lines), b = sample_stream(more);
  const Reading both = read_all({make_file("ab.zst", a + b)});
  CHECK(both.outcome.message == "");
  CHECK(both.lines.size() == 13);
  CHECK(both.streams[0].marks.size() == 4);
  const std::size_t end = a.rfind("\x5B\x2A\x4D\x18");
  const Reading broken = read_all({make_file("ab.zst", a.substr(0, end) + b)});
  CHECK(broken.lines == lines);
  CHECK(broken.outcome.message.find("the end mark is missing") != std::string::npos);
  CHECK(read_all({make_file("ab.zst", a + b.substr(0, b.rfind("\x5B\x2A\x4D\x18")))}).outcome.status == 65);
  const Reading mixed = read_all({make_file("ab.zst", foreign_frame("{\"n\":1}") + a)});  // no newline before ours
  CHECK(mixed.outcome.message == "");
  CHECK(mixed.lines.size() == 10);
}

TEST_CASE("garbage after the end is damage, zeros too") {
  const auto lines = sample_lines(9);
  const std::string bytes = sample_stream(lines);
  for (const std::string& garbage :
       {std::string(1, '\0'), std::string(4096, '\0'), std::string("{\"a\":1}\n"), std::string("xyz")}) {
    const Reading reading = read_all({make_file("garbage.zst", bytes + garbage)});
    CHECK(reading.lines == lines);
    CHECK(reading.outcome.status == 65);
    CHECK(reading.outcome.message.find("byte " + std::to_string(bytes.size())) != std::string::npos);
    CHECK(read_all({scratch("garbage.zst")}, salvage()).lines == lines);
  }
}

TEST_CASE("salvage takes the whole lines of a frame that was cut") {
  const auto lines = sample_lines(20000);  // one frame of several blocks of 128 KiB
  WriterOptions options = to_file(scratch("blocks.zst"));
  write_lines(options, lines);
  const std::string bytes = bytes_of(scratch("blocks.zst"));
  make_file("blocks.zst", bytes.substr(0, bytes.size() * 3 / 4));
  CHECK(read_all({scratch("blocks.zst")}).lines.empty());
  const Reading loose = read_all({scratch("blocks.zst")}, salvage());
  CHECK(loose.lines.size() > 5000);
  CHECK(is_prefix(loose.lines, lines));
}

TEST_CASE("salvage leaves out lines that are no records and tells of them") {
  const Reading loose = read_all({make_file("lines", "{\"a\":1}\nxx\n{\"b\":2}\n{\"c\":")}, salvage());
  CHECK(loose.outcome.status == 0);
  CHECK(loose.lines == std::vector<std::string>{"{\"a\":1}", "{\"b\":2}"});
  CHECK(loose.report.find("record 2: the line is not valid JSON") != std::string::npos);
  CHECK(loose.report.find("in the middle of a line") != std::string::npos);
}

TEST_CASE("with salvage, too, a record's number is its line's") {
  ReaderOptions options = salvage();
  options.max_line = 100;
  const std::string longer = "{\"a\":\"" + std::string(200, 'x') + "\"}";
  RecordReader reader({make_file("numbers", "{}\nxx\n{}\n" + longer + "\n{}\nyy\n{}")}, options);
  std::vector<std::string> places;
  for (Record record; reader.next(record);) places.push_back(record.where().substr(scratch("numbers").size()));
  CHECK(places == std::vector<std::string>{": record 1", ": record 3", ": record 5", ": record 7"});
  CHECK(reader.salvage_report().find(": record 2: the line is not valid JSON") != std::string::npos);
  CHECK(reader.salvage_report().find("after record 3, byte 9: a line is longer") != std::string::npos);
  CHECK(reader.salvage_report().find(": record 6: the line is not valid JSON") != std::string::npos);
}

TEST_CASE("an overlong line is named by where it begins, a frame's by where that does") {
  ReaderOptions options;
  options.max_line = 1000;
  const std::string longer = std::string(2000, ' ') + "{}\n";
  CHECK(read_all({make_file("begin", "{}\n{}\n" + longer)}, options)
            .outcome.message.find("record 2, byte 6: a line is longer") != std::string::npos);
  options.max_line = 400000;  // over several of the pieces that are read
  CHECK(read_all({make_file("begin", "{}\n{}\n" + std::string(600000, ' ') + "\n")}, options)
            .outcome.message.find("byte 6: a line is longer") != std::string::npos);
  const std::string frame = foreign_frame("{}\n");
  CHECK(read_all({make_file("begin.zst", frame + foreign_frame("{}\n" + std::string(600000, ' ') + "\n"))}, options)
            .outcome.message.find("byte " + std::to_string(frame.size()) + ": a line is longer") != std::string::npos);
}

TEST_CASE("a frame that needs a larger window than zstd allows is refused, with salvage too, and is no damage") {
  CHECK(read_all({make_file("window.zst", frame_of_window(20))}).lines == std::vector<std::string>{"{}"});
  const std::string good = foreign_frame("{}\n");
  make_file("window.zst", good + frame_of_window(28));
  for (const ReaderOptions& options : {ReaderOptions{}, salvage()}) {
    const Reading reading = read_all({scratch("window.zst")}, options);
    CHECK(reading.outcome.status == 65);
    CHECK(reading.outcome.message == scratch("window.zst") + ": byte " + std::to_string(good.size()) +
                                         ": a zstd frame needs a window over 128 MiB");
    CHECK(reading.outcome.advice.find("recompress") != std::string::npos);
  }
}

TEST_CASE("a frame for which there is no memory is not damage, with salvage neither") {
  if (!kMemoryCanBeLimited) return skip("a sanitizer");
  make_file("window.zst", frame_of_window(27));
  const int status = in_child([] {
    const rlimit limit{address_space() + (32 << 20), RLIM_INFINITY};
    ::setrlimit(RLIMIT_AS, &limit);
    try {
      read_all({scratch("window.zst")}, salvage());
    } catch (const std::bad_alloc&) {
      return 71;
    }
    return 0;
  });
  CHECK(WEXITSTATUS(status) == 71);
}

TEST_CASE("a shard that appears twice is refused, one that is missing where all are asked for") {
  const auto part = sample_lines(3);
  const std::string s0 = make_file("s0", sample_stream(part, 0, 3)), s1 = make_file("s1", sample_stream(part, 1, 3));
  const std::string s2 = make_file("s2", sample_stream(part, 2, 3)),
                    other = make_file("s3", sample_stream(part, 1, 3, "d2"));
  CHECK(read_all({s0, s1, s2}).outcome.message == "");
  CHECK(read_all({s0, s1}).outcome.message == "");
  CHECK(read_all({s1, s0, s1}).outcome.message == s1 + ": shard 1 of 3 appears twice, also in " + s1);
  const std::string copy = make_file("s1.copy", bytes_of(s1)), last = make_file("last.jsonl", "{}\n");
  CHECK(read_all({s0, s1, copy, s2, last}).outcome.message == copy + ": shard 1 of 3 appears twice, also in " + s1);
  const Reading loose = read_all({s0, s1, copy, s2, last}, salvage());
  CHECK(loose.streams[2].damage.size() == 1);
  CHECK(loose.streams[4].damage.empty());
  CHECK(read_all({s1, s0, other}).outcome.message == "");  // of another work
  ReaderOptions whole;
  whole.whole_shards = true;
  CHECK(read_all({s2, s0, s1}, whole).outcome.message == "");
  CHECK(read_all({s1, last}, whole).outcome.message == s1 + ": missing shards: 0 2 of 3");
  CHECK(read_all({s0}, whole).outcome.message == s0 + ": missing shards: 1-2 of 3");
  CHECK(read_all({s0, s1, copy}, whole).outcome.message ==
        copy + ": shard 1 of 3 appears twice, also in " + s1);  // before what is missing
  const Reading gaps = read_all({s1}, {.salvage = true, .whole_shards = true});
  CHECK(gaps.outcome.status == 0);
  CHECK(gaps.report == s1 + ": missing shards: 0 2 of 3");
  const std::string far = make_file("far", sample_stream(part, 700000, 1000000));
  CHECK(read_all({far}, whole).outcome.message == far + ": missing shards: 0-699999 700001-999999 of 1000000");
  std::string even;
  for (int i = 0; i < 1000; i += 2) even += sample_stream({}, i, 1000);
  const std::string many = read_all({make_file("even", even)}, whole).outcome.message;
  CHECK(many.find(": missing shards: 1 3 5 7 9 11 ") != std::string::npos);
  CHECK(many.ends_with(" and more of 1000"));
  CHECK(many.size() < 600);
}

TEST_CASE("a work that is there in two cuts appears twice; works without a digest aren't compared") {
  const auto part = sample_lines(3);
  const auto file = [&](const char* name, int shard, int shards, const std::string& digest = "d1") {
    return make_file(name, sample_stream(part, shard, shards, digest));
  };
  const ReaderOptions whole{.whole_shards = true};
  const std::string half = file("half0", 0, 2), other_half = file("half1", 1, 2), all = file("all", 0, 1);
  const std::string t0 = file("third0", 0, 3), t1 = file("third1", 1, 3), t2 = file("third2", 2, 3);
  CHECK(read_all({half, t0, t1, other_half, t2}, whole).outcome.message ==
        t0 + ": shards of 3 of an output that is also given as shards of 2, in " + half);
  CHECK(read_all({half, other_half, all}, whole).outcome.message ==
        half + ": shards of 2 of an output that is also given unsharded, in " + all);
  CHECK(read_all({half, other_half, all}).outcome.message == "");
  CHECK(read_all({half, other_half, file("foreign", 0, 1, "d2")}, whole).outcome.message == "");
  CHECK(read_all({file("h0", 0, 2, ""), file("h1", 1, 2, ""), file("a", 0, 1, "")}, whole).outcome.message == "");
}

TEST_CASE("one shard alone is known as such at the end, and will do where it may") {
  const auto part = sample_lines(3);
  const std::string s1 = make_file("s1", sample_stream(part, 1, 3)), s2 = make_file("s2", sample_stream(part, 2, 3));
  const std::string all = make_file("all", sample_stream(part)), plain = make_file("plain", "{}\n");
  const auto lone = [](const std::vector<std::string>& files, ReaderOptions options) {
    RecordReader reader(files, options);
    for (Record record; reader.next(record);) CHECK(!reader.lone_shard());
    const auto mark = reader.lone_shard();
    return mark ? std::to_string(mark->shard) + "/" + std::to_string(mark->shards) + " of " + mark->digest : "none";
  };
  const ReaderOptions alone{.whole_shards = true, .lone_shard = true};
  CHECK(lone({s1}, alone) == "1/3 of d1");
  CHECK(lone({s1}, {}) == "1/3 of d1");
  CHECK(lone({all}, alone) == "none");
  CHECK(lone({plain}, alone) == "none");
  CHECK(lone({s1, s2}, {}) == "none");
  CHECK(lone({s1, plain}, {}) == "none");
  CHECK(read_all({s1, s2}, alone).outcome.message == s1 + ": missing shards: 0 of 3");
  CHECK(read_all({s1, plain}, alone).outcome.message == s1 + ": missing shards: 0 2 of 3");
  const std::string mixed = make_file("mixed", bytes_of(s1) + foreign_frame("{}\n"));
  CHECK(lone({mixed}, {}) == "none");
  CHECK(read_all({mixed}).streams[0].unmarked == 1);
  CHECK(read_all({s1}).streams[0].unmarked == 0);
  const std::string loss = make_file("loss", bytes_of(s1) + "garbage");
  CHECK(lone({loss}, {.salvage = true}) == "none");
}

TEST_CASE("marks carry what the writer knows, and their own checksum") {
  StreamMark mark;
  mark.closing = true;
  mark.program = "rollout", mark.digest = "abc", mark.shard = 2, mark.shards = 8, mark.records = 41, mark.text = "t";
  const std::string frame = encode_mark(mark);
  const auto back = decode_mark(std::string_view(frame).substr(8));
  REQUIRE(back.has_value());
  CHECK(back->closing);
  CHECK(back->program == "rollout");
  CHECK(back->digest == "abc");
  CHECK(back->shard == 2);
  CHECK(back->shards == 8);
  CHECK(back->records == 41);
  CHECK(back->text == "t");
  mark.shard = 8;  // of 8: there is none
  CHECK(!decode_mark(std::string_view(encode_mark(mark)).substr(8)));
  mark.digest = std::string(5000, 'x');
  CHECK(outcome_of([&] { encode_mark(mark); }).status == 70);
}
