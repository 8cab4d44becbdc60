// Checkpoints: whole or absent, the furthest found, another run's never.
#include "lib/io/checkpoint.h"

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "lib/io/descriptor.h"
#include "lib/io/files.h"
#include "tests/io/helpers.h"

using namespace nudge;
using namespace nudge::test;

namespace {

std::string fresh_folder(const std::string& name) {
  std::filesystem::remove_all(scratch("ckpt-" + name));
  std::filesystem::create_directory(scratch("ckpt-" + name));
  return scratch("ckpt-" + name);
}

std::vector<std::string> entries(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

void keep(const CheckpointStore& store, std::int64_t step, const std::string& text) {
  TemporaryFolder folder(store.output(), "saving");
  write_file(folder.path() + "/a", text);
  std::filesystem::create_directory(folder.path() + "/below");
  write_file(folder.path() + "/below/b", "b" + text);
  store.commit(folder, step);
}

std::vector<std::string> damaged;
std::optional<CheckpointPlace> newest(const CheckpointStore& store) {
  damaged.clear();
  return store.newest([](const std::string& path) { damaged.push_back(path); });
}

std::string content(const CheckpointStore& store) {
  const auto place = newest(store);
  return place ? bytes_of(place->path + "/a") : "none";
}

}  // namespace

TEST_CASE("the furthest checkpoint is found, and earlier ones are gone") {
  const std::string folder = fresh_folder("kept");
  const CheckpointStore store(folder + "/p1", "f00");
  CHECK(content(store) == "none");
  for (std::int64_t step : {1, 2, 10}) keep(store, step, "after " + std::to_string(step));
  CHECK(entries(folder) == std::vector<std::string>{".p1.checkpointf00.-.10.0.part"});
  CHECK(content(store) == "after 10");
  CHECK(newest(store)->step == 10);
  CHECK(damaged.empty());
}

TEST_CASE("what another process has further stays, and so does the same step") {
  const CheckpointStore store(fresh_folder("two") + "/p1", "f00");
  keep(store, 10, "theirs");
  keep(store, 9, "behind");
  CHECK(content(store) == "theirs");
  keep(store, 10, "again");
  CHECK(content(store) == "theirs");
  keep(store, 11, "ours");
  CHECK(content(store) == "ours");
  CHECK(entries(scratch("ckpt-two")).size() == 1);
}

TEST_CASE("runs and outputs don't find each other's") {
  const std::string folder = fresh_folder("tags");
  const CheckpointStore one(folder + "/p1", "f00"), other(folder + "/p1", "f01"), elsewhere(folder + "/p1.x", "f00");
  keep(one, 3, "one");
  CHECK(content(other) == "none");
  CHECK(content(elsewhere) == "none");
  keep(other, 2, "other");
  keep(elsewhere, 1, "elsewhere");
  CHECK(content(one) == "one");
  CHECK(find_checkpoints(folder + "/p1").size() == 2);
  CHECK(find_checkpoints(folder + "/p1")[0].tag == "f00");
  one.remove();
  CHECK(content(one) == "none");
  CHECK(content(other) == "other");
  clean_up_beside(folder + "/p1");
  CHECK(entries(folder) == std::vector<std::string>{".p1.x.checkpointf00.-.1.0.part"});
}

TEST_CASE("a damaged checkpoint is told, removed and never taken") {
  const CheckpointStore store(fresh_folder("bad") + "/p1", "f00");
  const auto broken_by = [&](auto&& harm) {
    keep(store, 5, "five");
    harm(checkpoint_name(store.output(), "f00", 5));
    const bool none = !newest(store);
    return none && damaged.size() == 1 && entries(scratch("ckpt-bad")).empty();
  };
  CHECK(broken_by([](const std::string& path) { std::ofstream(path + "/a") << "fivf"; }));
  CHECK(broken_by([](const std::string& path) { std::ofstream(path + "/a") << "fiv"; }));
  CHECK(broken_by([](const std::string& path) { std::ofstream(path + "/below/b", std::ios::app) << "x"; }));
  CHECK(broken_by([](const std::string& path) { std::ofstream(path + "/more") << "x"; }));
  CHECK(broken_by([](const std::string& path) { std::filesystem::remove(path + "/below/b"); }));
  CHECK(broken_by([](const std::string& path) { std::filesystem::remove(path + "/digest"); }));
  CHECK(broken_by([](const std::string& path) { std::ofstream(path + "/digest") << "0"; }));
  CHECK(broken_by([](const std::string& path) { std::filesystem::rename(path + "/a", path + "/c"); }));
  CHECK(broken_by([](const std::string& path) { std::filesystem::create_symlink("a", path + "/link"); }));
}

TEST_CASE("where the furthest is damaged an earlier whole one is taken") {
  const std::string folder = fresh_folder("older");
  const CheckpointStore store(folder + "/p1", "f00");
  keep(store, 4, "four");
  std::filesystem::copy(checkpoint_name(store.output(), "f00", 4), scratch("ckpt-copy"),
                        std::filesystem::copy_options::recursive);
  keep(store, 6, "six");
  std::filesystem::rename(scratch("ckpt-copy"), checkpoint_name(store.output(), "f00", 4));
  CHECK(content(store) == "six");
  std::ofstream(checkpoint_name(store.output(), "f00", 6) + "/a") << "sic";
  CHECK(content(store) == "four");
  CHECK(damaged.size() == 1);
}

TEST_CASE("killed while it saves, a process leaves the earlier checkpoint, and what it began is swept") {
  const std::string folder = fresh_folder("killed"), path = folder + "/p1";
  const CheckpointStore store(path, "f00");
  keep(store, 1, "one");
  in_child([&] {
    TemporaryFolder half(path, "saving");
    write_file(half.path() + "/a", "tw");
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  CHECK(entries(folder).size() == 2);
  CHECK(content(store) == "one");
  const OutputFolder next(path, false);
  CHECK(content(store) == "one");
  CHECK(entries(folder).size() == 2);  // the checkpoint, and the folder of this process
}

TEST_CASE("a folder that is not committed is removed, an output's opening leaves checkpoints") {
  const std::string folder = fresh_folder("opened");
  const CheckpointStore store(folder + "/p1", "f00");
  { const TemporaryFolder half(folder + "/p1", "saving"); }
  CHECK(entries(folder).empty());
  keep(store, 1, "one");
  { const OutputFolder output(folder + "/p1", false); }
  CHECK(content(store) == "one");
}

TEST_CASE("a checkpoint that can't be made leaves the earlier one") {
  const CheckpointStore store(fresh_folder("full") + "/p1", "f00");
  keep(store, 1, "one");
  const int status = in_child([&] {
    const rlimit limit{20, 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return outcome_of([&] { keep(store, 2, std::string(100, 'x')); }).status;
  });
  CHECK(WEXITSTATUS(status) == 74);
  CHECK(content(store) == "one");
  CHECK(entries(scratch("ckpt-full")).size() == 1);
}
