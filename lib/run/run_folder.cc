#include "lib/run/run_folder.h"

#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "lib/base/comm.h"
#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/cli/signals.h"
#include "lib/io/checkpoint.h"
#include "lib/io/json.h"
#include "lib/io/json_reader.h"

namespace nudge {

namespace fs = std::filesystem;

namespace {

// All ranks fail if one's provenance differs from the first one's.
void check_same_in_all_ranks(const std::string& provenance) {
  const std::string mine = Digest().text(provenance).hex();
  const std::vector<char> all = comm().gather(std::span<const char>(mine));
  for (std::size_t rank = 1; rank * mine.size() < all.size(); ++rank)
    if (std::memcmp(all.data(), all.data() + rank * mine.size(), mine.size()) != 0)
      bad_input("rank " + std::to_string(rank) + " has other options, models or programs than rank 0",
                "start all ranks with one command, on folders that all of them can read");
}

}  // namespace

RunFolder::RunFolder(std::string path, std::string program, bool force)
    : path_(std::move(path)), program_(std::move(program)), force_(force) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  if (path_.empty() || path_ == "-") usage_error("-o FOLDER is missing", "a model is written as a folder");
  if (!comm().first()) return;
  std::error_code error;
  const fs::path parent = fs::absolute(path_, error).parent_path();
  if (!fs::is_directory(parent, error) || access(parent.c_str(), W_OK) != 0)
    throw Error(Exit::kCannotCreate, path_ + ": " + parent.string() + " is not a writable folder");
  const bool there = fs::exists(path_, error);
  if (error) throw Error(Exit::kCannotCreate, path_ + ": " + error.message());
  if (there && !force_ && recorded_provenance().empty())
    throw Error(Exit::kCannotCreate, path_ + ": exists already", "name another folder, or replace it with --force");
}

std::string RunFolder::recorded_provenance() const {
  const std::string file = path_ + "/trainer/provenance.json";
  if (std::error_code error; !fs::exists(file, error)) return {};
  const std::string json = read_file(file);
  try {
    const JsonReader in(json, file);
    if (JsonReader::text_of(in.root(), "program") != program_) return {};
    return std::string(JsonReader::text_of(in.root(), "provenance").value_or(""));
  } catch (const Error&) {
    return {};
  }
}

bool RunFolder::made_already(const std::string& provenance) {
  provenance_ = provenance;
  check_same_in_all_ranks(provenance);
  catch_stops();  // before there is something to remove on the way out
  bool there = comm().first() && open();
  comm().broadcast(&there, sizeof there);
  return there;
}

bool RunFolder::open() {
  if (!force_ && file_exists(path_)) {
    if (recorded_provenance() != provenance_)
      throw Error(Exit::kCannotCreate, path_ + ": exists already, from other inputs or options",
                  "name another folder, or replace it with --force");
    clean_up_beside(path_);  // in case that run was killed between publishing and cleaning up
    return true;
  }
  output_ = std::make_unique<OutputFolder>(path_, force_);
  return false;
}

const std::string& RunFolder::trainer() {
  if (trainer_.empty()) {
    trainer_ = temporary() + "/trainer";
    if (std::error_code error; !fs::create_directory(trainer_, error) && error)
      throw Error(Exit::kCannotCreate, trainer_ + ": " + error.message());
  }
  return trainer_;
}

void RunFolder::publish() {
  const ProfileScope scope(Part::kSaving);
  JsonWriter w(2);
  w.begin_object().field("program", program_).field("provenance", provenance_).end_object();
  write_file(trainer() + "/provenance.json", w.text() + "\n");
  output_->publish();
  clean_up_beside(path_);
}

std::string folder_digest(const Model& model) { return folder_digest(model, model_digest(model.transformer)); }

std::string folder_digest(const Model& model, const std::string& weights) {
  Digest digest;
  digest.text(weights).text(model.config().json());
  digest.text(model.tokenizer.json()).text(model.tokenizer.config_json()).text(model.generation_config);
  for (const auto& [name, text] : model.tokenizer.older_files()) digest.text(name).text(text);
  for (const auto& [name, text] : model.tokenizer.template_files()) digest.text(name).text(text);
  return digest.hex();
}

}  // namespace nudge
