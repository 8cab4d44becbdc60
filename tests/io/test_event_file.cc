// Event files: checksums by published values, and what becomes of a file that was cut off. That the events are what
// TensorBoard reads is the matter of tests/tools/tensorboard and tests/ecosystem.
#include "lib/io/event_file.h"

#include <filesystem>
#include <string>

#include "tests/io/helpers.h"

using namespace nudge;
using namespace nudge::test;

namespace {

std::string fresh(const std::string& name) {
  std::filesystem::remove_all(scratch(name));
  return scratch(name);
}

void log_step(const std::string& folder, std::int64_t step) {
  EventFile events;
  events.open(folder);
  const std::pair<std::string, std::optional<double>> loss[] = {{"loss", 0.5}, {"none", std::nullopt}};
  events.scalars(step, loss);
}

std::string file_of(const std::string& folder) { return folder + "/" + std::string(EventFile::kName); }

}  // namespace

TEST_CASE("CRC-32C is that of RFC 3720, B.4, and of its catalogue's check") {
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
  std::string up, down;
  for (int i = 0; i < 32; ++i) up += static_cast<char>(i), down += static_cast<char>(31 - i);
  CHECK(crc32c(up) == 0x46dd794eu);
  CHECK(crc32c(down) == 0x113fdb5cu);
  CHECK(crc32c("123456789") == 0xe3069283u);
  CHECK(crc32c("") == 0);
}

TEST_CASE("markdown shows a text as it is") {
  CHECK(as_markdown("a *b* <c>\n  d_e") == "a \\*b\\* &lt;c&gt;  \n&nbsp;&nbsp;d\\_e");
  CHECK(as_markdown("a\n\n~~~") == "a  \n&nbsp;  \n&#126;&#126;&#126;");
  CHECK(as_markdown("1. x & y\\") == "1\\. x &amp; y\\\\");
}

TEST_CASE("a run goes on with the folder's file, after the last whole event") {
  const std::string folder = fresh("logs") + "/a/b";  // with its parents
  log_step(folder, 1);
  const std::string once = bytes_of(file_of(folder));
  log_step(folder, 2);
  const std::string twice = bytes_of(file_of(folder));
  CHECK(twice.starts_with(once));
  for (std::size_t keep = once.size(); keep < twice.size(); ++keep) {
    std::filesystem::resize_file(file_of(folder), keep);
    EventFile events;
    events.open(folder);
    const std::string left = bytes_of(file_of(folder));
    CHECK(left.size() <= keep);
    CHECK(left.size() >= once.size());
    CHECK(twice.starts_with(left));
    std::filesystem::remove(file_of(folder));
    make_file("logs/a/b/" + std::string(EventFile::kName), twice);
  }
}

TEST_CASE("what is no event file, or damaged, is left alone") {
  const std::string folder = fresh("other");
  std::filesystem::create_directory(folder);
  for (const std::string words : {"precious words, not events\n", "short\n"}) {
    make_file("other/" + std::string(EventFile::kName), words);
    const Outcome outcome = outcome_of([&] { EventFile().open(folder); });
    CHECK(outcome.status == 73);
    CHECK(outcome.message == file_of(folder) + ": is no event file, or damaged at byte 0");
    CHECK(outcome.advice == "remove it, or log to another folder");
    CHECK(bytes_of(file_of(folder)) == words);
  }

  const std::string damaged = fresh("damaged");
  log_step(damaged, 1);
  std::string bytes = bytes_of(file_of(damaged));
  bytes[bytes.size() / 2] ^= 1;
  make_file("damaged/" + std::string(EventFile::kName), bytes);
  CHECK(outcome_of([&] { EventFile().open(damaged); }).status == 73);
  CHECK(bytes_of(file_of(damaged)) == bytes);
}

TEST_CASE("a folder that can't be made, and one that another program logs to, are refused") {
  const std::string file = make_file("not_a_folder", "");
  CHECK(outcome_of([&] { EventFile().open(file + "/logs"); }).status == 73);
  const std::string folder = fresh("shared");
  EventFile first;
  first.open(folder);
  const Outcome outcome = outcome_of([&] { EventFile().open(folder); });
  CHECK(outcome.status == 73);
  CHECK(outcome.message == file_of(folder) + ": another program is writing to it");
}
