// What is no model folder of ours is named, with what to do about it.
#include "lib/model/foreign_folder.h"

#include <filesystem>

#include "lib/base/error.h"
#include "lib/io/files.h"
#include "lib/model/folder.h"
#include "tests/model/safetensors_text.h"
#include "tests/model/tiny_model.h"

using namespace nudge;
using namespace nudge::test;

namespace {

struct Refusal {
  std::string message, advice;
  Exit status = Exit::kDone;
};

Refusal refusal(const std::string& folder) {
  try {
    load_model(folder, HeadKind::kLanguage);
  } catch (const Error& e) {
    return {e.what(), e.advice(), e.status()};
  }
  return {};
}

std::string fresh() {
  static int n = 0;
  return scratch_folder() + "/foreign-" + std::to_string(n++);
}
std::string empty_folder() {
  const std::string path = fresh();
  std::filesystem::create_directories(path);
  return path;
}
// A whole folder without its weights.
std::string without_weights() {
  const std::string path = tiny_folder(fresh(), 1);
  std::filesystem::remove(path + "/model.safetensors");
  return path;
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a name on the hub is told from a path") {
  for (const std::string name : {"HuggingFaceTB/SmolLM2-135M", "gpt2", "Qwen/Qwen2.5-0.5B"}) {
    const Refusal r = refusal(name);
    CHECK(r.status == Exit::kNoInput);
    CHECK(r.message == name + ": no such model folder");
    CHECK(has(r.advice, "hf download " + name + " --local-dir FOLDER"));
  }
  for (const std::string path : {"./p0", "/nowhere/p0", "a/b/c", "runs/../p0"}) {
    CHECK(refusal(path).message == path + ": no such model folder");
    CHECK(refusal(path).advice.empty());
  }
}
TEST_CASE("a file in place of a folder") {
  const std::string folder = empty_folder();
  write_file(folder + "/config.json", "{}");
  CHECK(refusal(folder + "/config.json").message == folder + "/config.json: is a file, not a model folder");
  write_file(folder + "/m.gguf", "GGUF\3");
  CHECK(refusal(folder + "/m.gguf").message == folder + "/m.gguf: is a GGUF file, which is llama.cpp's format");
}
TEST_CASE("an adapter's weights without their configuration are refused") {
  for (const std::string name : {"adapter_model.safetensors", "adapter_model.bin"}) {
    const std::string folder = empty_folder(), beside = without_weights();  // a config.json beside it
    write_file(folder + "/" + name, "");
    write_file(beside + "/" + name, "");
    for (const std::string& f : {folder, beside}) {
      const Refusal r = refusal(f);
      CHECK(r.status == Exit::kBadInput);
      CHECK(r.message == f + "/adapter_config.json: is missing beside " + name);
      CHECK(has(r.advice, "save_pretrained"));
    }
  }
}
TEST_CASE("a folder of policies that are adapters names one") {
  const std::string folder = empty_folder();
  std::filesystem::create_directories(folder + "/p1");
  write_file(folder + "/p1/adapter_config.json", "{}");
  CHECK(refusal(folder).message == folder + ": is not a model folder, but contains some");
  CHECK(refusal(folder).advice == "give one of them, such as " + folder + "/p1");
}
TEST_CASE("an adapter whose base is not here names it, and what brings it") {
  const std::string folder = empty_folder();
  write_file(folder + "/adapter_config.json", R"({"peft_type":"LORA","base_model_name_or_path":"Qwen/Qwen2.5-0.5B",
    "r":8,"lora_alpha":16,"target_modules":["q_proj"]})");
  write_file(folder + "/adapter_model.safetensors", safetensors_text({}));
  const Refusal r = refusal(folder);
  CHECK(r.status == Exit::kNoInput);
  CHECK(r.message == folder + ": its base Qwen/Qwen2.5-0.5B is not here, nor " + folder + "/Qwen/Qwen2.5-0.5B");
  CHECK(has(r.advice, "hf download Qwen/Qwen2.5-0.5B"));
  std::filesystem::rename(folder + "/adapter_model.safetensors", folder + "/adapter_model.bin");
  CHECK(has(refusal(folder).message, "adapter_model.bin: is a PyTorch pickle"));
}
TEST_CASE("folders in other layouts") {
  const std::string cache = empty_folder();
  std::filesystem::create_directories(cache + "/snapshots/abc");
  CHECK(refusal(cache).message == cache + "/config.json: is missing: the folder is in the hub's cache");
  CHECK(refusal(cache).advice == "give the folder of a revision: ls -d " + cache + "/snapshots/*");
  const std::string gguf = empty_folder();
  write_file(gguf + "/model-q4.gguf", "GGUF");
  CHECK(refusal(gguf).message ==
        gguf + "/config.json: is missing: model-q4.gguf is a GGUF file, which is llama.cpp's format");
  const std::string original = empty_folder();
  write_file(original + "/params.json", "{}");
  CHECK(has(refusal(original).message, "the layout of the model's authors"));
  CHECK(refusal(empty_folder()).status == Exit::kNoInput);
}
TEST_CASE("tokenizers of other formats") {
  for (const std::string name : {"vocab.json", "tokenizer.model"}) {
    const std::string folder = tiny_folder(fresh(), 1);
    std::filesystem::rename(folder + "/tokenizer.json", folder + "/" + name);
    const Refusal r = refusal(folder);
    CHECK(r.status == Exit::kBadInput);
    CHECK(r.message == folder + "/tokenizer.json: is missing, and " + name + " has another format");
    CHECK(has(r.advice, "T.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1])' " + folder));
  }
}
TEST_CASE("weights of other formats") {
  for (const std::string name : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    const std::string folder = without_weights();
    write_file(folder + "/" + name, "PK");
    const Refusal r = refusal(folder);
    CHECK(r.status == Exit::kBadInput);
    CHECK(r.message == folder + "/" + name + ": the weights are PyTorch pickles, which can run code and are not read");
    CHECK(has(r.advice, "save_pretrained(sys.argv[1])' " + folder));
  }
  for (const std::string name : {"consolidated.00.pth", "tf_model.h5", "flax_model.msgpack"}) {
    const std::string folder = without_weights();
    write_file(folder + "/" + name, "x");
    CHECK(refusal(folder).message == folder + "/model.safetensors: is missing, and " + name + " has another format");
  }
}
TEST_CASE("Git LFS pointers stand for files that are not there yet") {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 269060552\n";
  for (const std::string name : {"config.json", "tokenizer.json", "model.safetensors"}) {
    const std::string folder = tiny_folder(fresh(), 1);
    std::filesystem::remove(folder + "/" + name);
    write_file(folder + "/" + name, pointer);
    const Refusal r = refusal(folder);
    CHECK(r.message == folder + "/" + name + ": is a Git LFS pointer, not the file itself");
    CHECK(r.advice == "fetch the files that git left out: git -C " + folder + " lfs pull");
  }
}
TEST_CASE("other trainers' reward models") {
  const std::string folder = tiny_folder(fresh(), 1), path = folder + "/config.json";
  for (const std::string name : {"RewardModel", "LLMForSequenceRegression"}) {
    std::string config = read_file(tiny_folder(fresh(), 1) + "/config.json");
    config.replace(config.find("GPT2LMHeadModel"), 15, name);
    std::filesystem::remove(path);
    write_file(path, config);
    const Refusal r = refusal(folder);
    CHECK(r.message == path + ": \"architectures\" names " + name + ", which is not supported");
    CHECK(has(r.advice, "OpenRLHF's name for GPT2ForSequenceClassification"));
    CHECK(has(r.advice, "jq '.architectures = [\"GPT2ForSequenceClassification\"]"));
  }
  CHECK(advice_on_class("GPT2DoubleHeadsModel", "GPT2ForSequenceClassification").empty());
  CHECK(has(advice_on_tensor("value_head.weight"), "score.weight"));
  CHECK(has(advice_on_tensor("v_head.summary.weight"), "TRL"));
  CHECK(has(advice_on_tensor("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"), "adapter"));
  CHECK(advice_on_tensor("model.layers.0.x").empty());
}
