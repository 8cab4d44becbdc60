#include "lib/io/files.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>

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

int entries(const std::string& folder) {
  return static_cast<int>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

}  // namespace

TEST_CASE("a file is read whole, up to its limit") {
  const std::string text(200000, 'x');
  CHECK(read_file(make_file("whole", text)) == text);
  CHECK(read_file(make_file("whole", "")) == "");
  CHECK(read_file(make_file("whole", "12345"), 5) == "12345");
  const Outcome over = outcome_of([] { read_file(make_file("whole", "123456"), 5); });
  CHECK(over.status == 65);
  CHECK(over.message == scratch("whole") + ": is larger than 5 bytes");
  CHECK(outcome_of([] { read_file("/dev/zero", 1000); }).status == 65);
}

TEST_CASE("what can't be read is no input, what breaks off is an I/O error") {
  CHECK(outcome_of([] { read_file(scratch("nothing")); }).status == 66);
  CHECK(outcome_of([] { read_file(scratch_folder()); }).status == 66);
  CHECK(outcome_of([] { read_file("/proc/self/mem"); }).status == 74);  // address 0: EIO
}

TEST_CASE("a written file is new, and errors tell") {
  const std::string folder = fresh_folder("wf");
  write_file(folder + "/a", "text");
  CHECK(bytes_of(folder + "/a") == "text");
  CHECK(outcome_of([&] { write_file(folder + "/a", "other"); }).status == 73);
  CHECK(outcome_of([&] { write_file(folder + "/no/a", "other"); }).status == 73);
  CHECK(bytes_of(folder + "/a") == "text");
  CHECK(WEXITSTATUS(in_child([&] {
          const rlimit limit{100, 100};
          ::setrlimit(RLIMIT_FSIZE, &limit);
          return outcome_of([&] { write_file(folder + "/b", std::string(1000, 'x')); }).status;
        })) == 74);
}

TEST_CASE("a file is replaced whole, and nothing is left beside it") {
  const std::string folder = fresh_folder("rf");
  replace_file(folder + "/a", "text");
  replace_file(folder + "/a", "other");
  CHECK(bytes_of(folder + "/a") == "other");
  CHECK(outcome_of([&] { replace_file(folder + "/no/a", "other"); }).status == 73);
  std::filesystem::create_directory(folder + "/f");
  CHECK(outcome_of([&] { replace_file(folder + "/f", "other"); }).status == 73);
  const auto entries = std::filesystem::directory_iterator(folder);
  CHECK(std::distance(begin(entries), end(entries)) == 2);
}

TEST_CASE("a folder appears whole by publish, and not at all without") {
  const std::string folder = fresh_folder("of"), path = folder + "/model";
  {
    OutputFolder output(path + "/", false);
    write_file(output.path() + "/a", "1");
    CHECK(!std::filesystem::exists(path));
  }
  CHECK(entries(folder) == 0);
  OutputFolder output(path, false);
  write_file(output.path() + "/a", "1");
  std::filesystem::create_directory(output.path() + "/critic");
  write_file(output.path() + "/critic/b", "2");
  output.publish();
  CHECK(bytes_of(path + "/a") == "1");
  CHECK(bytes_of(path + "/critic/b") == "2");
  CHECK(entries(folder) == 1);
}

TEST_CASE("an existing folder is kept without force and swapped with it, nothing of the old stays") {
  const std::string folder = fresh_folder("swap"), path = folder + "/model";
  std::filesystem::create_directory(path);
  write_file(path + "/old", "1");
  const Outcome refused = outcome_of([&] { OutputFolder(path, false); });
  CHECK(refused.status == 73);
  CHECK(refused.message == path + ": exists already");
  OutputFolder output(path, true);
  write_file(output.path() + "/new", "2");
  CHECK(bytes_of(path + "/old") == "1");
  output.publish();
  CHECK(bytes_of(path + "/new") == "2");
  CHECK(!std::filesystem::exists(path + "/old"));
  CHECK(entries(folder) == 1);
}

TEST_CASE("a folder that appeared meanwhile is not replaced without force") {
  const std::string folder = fresh_folder("race"), path = folder + "/model";
  {
    OutputFolder output(path, false);
    std::filesystem::create_directory(path);
    write_file(path + "/theirs", "1");
    CHECK(outcome_of([&] { output.publish(); }).status == 73);
  }
  CHECK(bytes_of(path + "/theirs") == "1");
  CHECK(entries(folder) == 1);
}

TEST_CASE("two copies of a job that make the same folder both succeed") {
  const std::string folder = fresh_folder("copies"), path = folder + "/model";
  const auto fill = [](const std::string& to, const std::string& text) {
    write_file(to + "/a", text);
    std::filesystem::create_directory(to + "/critic");
    write_file(to + "/critic/b", text);
  };
  const auto second = [&](auto&& change) {
    std::filesystem::remove_all(path);
    OutputFolder output(path, false);
    fill(output.path(), "1");
    std::filesystem::create_directory(path);
    fill(path, "1");
    change();
    const Outcome outcome = outcome_of([&] { output.publish(); });
    CHECK(outcome.status == (entries(folder) == 1 ? 0 : 73));  // what was not published waits for its end
    return outcome.status;
  };
  CHECK(second([] {}) == 0);
  CHECK(bytes_of(path + "/critic/b") == "1");
  CHECK(second([&] { std::ofstream(path + "/critic/b") << "2"; }) == 73);
  CHECK(bytes_of(path + "/critic/b") == "2");
  CHECK(second([&] { std::ofstream(path + "/critic/b") << "11"; }) == 73);
  CHECK(second([&] { std::ofstream(path + "/c") << "1"; }) == 73);
  CHECK(second([&] { std::filesystem::remove(path + "/a"); }) == 73);
  CHECK(second([&] {
          std::filesystem::remove(path + "/a");
          std::filesystem::create_symlink("critic/b", path + "/a");
        }) == 73);
  CHECK(entries(folder) == 1);
}

TEST_CASE("a folder that was moved away to be replaced comes back where its process was killed") {
  const std::string folder = fresh_folder("moved"), path = folder + "/model";
  std::filesystem::create_directory(path);
  write_file(path + "/old", "1");
  in_child([&] {  // as where two names can't be exchanged: killed between two renames
    std::filesystem::rename(path, temporary_name(path, "old"));
    return 0;
  });
  CHECK(!std::filesystem::exists(path));
  CHECK(outcome_of([&] { OutputFolder(path, false); }).status == 73);
  CHECK(bytes_of(path + "/old") == "1");
  CHECK(entries(folder) == 1);
}

TEST_CASE("a folder can't replace a file nor be made where there is no place") {
  const std::string folder = fresh_folder("place");
  write_file(folder + "/file", "1");
  CHECK(outcome_of([&] { OutputFolder(folder + "/file", true); }).message ==
        folder + "/file: exists and is not a folder");
  CHECK(outcome_of([&] { OutputFolder(folder + "/no/model", false); }).status == 73);
  CHECK(outcome_of([&] { OutputFolder("/proc/model", false); }).status == 73);
  CHECK(bytes_of(folder + "/file") == "1");
}

TEST_CASE("the folder that a killed process left is swept by the next") {
  const std::string folder = fresh_folder("swept"), path = folder + "/model";
  in_child([&] {
    OutputFolder output(path, false);
    write_file(output.path() + "/a", "1");
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  CHECK(entries(folder) == 1);
  OutputFolder output(path, false);
  CHECK(entries(folder) == 1);
  CHECK(!std::filesystem::exists(output.path() + "/a"));
}

TEST_CASE("so is that of a process that is dead and not yet waited for") {
  const std::string folder = fresh_folder("zombie"), path = folder + "/model";
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    OutputFolder output(path, false);
    ::kill(::getpid(), SIGKILL);
  }
  siginfo_t info;
  REQUIRE(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) == 0);
  CHECK(entries(folder) == 1);
  {
    OutputFolder output(path, false);
    CHECK(entries(folder) == 1);
  }
  CHECK(entries(folder) == 0);
  ::waitpid(pid, nullptr, 0);
}
