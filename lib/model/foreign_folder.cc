#include "lib/model/foreign_folder.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <vector>

#include "lib/base/error.h"
#include "lib/io/files.h"

namespace nudge {
namespace {

namespace fs = std::filesystem;

// "gpt2", "HuggingFaceTB/SmolLM2-135M".
bool may_be_hub_name(std::string_view name) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  const std::size_t slash = name.find('/');
  const std::string_view user = name.substr(0, slash), model = slash == name.npos ? user : name.substr(slash + 1);
  const auto is_part = [&](std::string_view part) {
    return !part.empty() && part[0] != '.' && std::all_of(part.begin(), part.end(), allowed);
  };
  return is_part(user) && is_part(model);
}

std::string first_bytes(const std::string& path, std::size_t n) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(n, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(n));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return bytes;
}

// The first file of the folder, by name, whose name ends so, or "".
std::string file_ending_in(const std::string& folder, std::string_view end) {
  std::string found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(end) && (found.empty() || name < found)) found = name;
  }
  return found;
}

// An object, or a frame of zstd.
bool looks_like_records(const std::string& path) {
  const std::string first = first_bytes(path, 4);
  return first.starts_with('{') || first == "\x28\xb5\x2f\xfd" || first == "\x5b\x2a\x4d\x18";
}

// An adapter's weights say neither its scale nor its base.
void refuse_half_adapter(const std::string& folder) {
  for (const char* name : {"adapter_model.safetensors", "adapter_model.bin"})
    if (file_exists(folder + "/" + name))
      bad_input(folder + "/adapter_config.json: is missing beside " + name,
                "fetch it as well, or save the adapter again with PEFT's save_pretrained, which writes both");
}

[[noreturn]] void refuse_file(const std::string& path) {
  if (first_bytes(path, 4) == "GGUF")
    bad_input(path + ": is a GGUF file, which is llama.cpp's format",
              "give the model folder that it was made from, with config.json and model.safetensors");
  const fs::path parent = fs::path(path).parent_path();
  std::string advice = "give the folder that holds config.json";
  if (file_exists((parent / "config.json").string())) {
    advice = "give the folder that contains it: " + (parent.empty() ? "." : parent.string());
  } else if (looks_like_records(path)) {
    advice = "it looks like records, which are given without an option; " + advice;
  }
  throw Error(Exit::kNoInput, path + ": is a file, not a model folder", advice);
}

// A folder without config.json that is a part of one of ours, or holds some.
[[noreturn]] void refuse_part(const std::string& folder, const std::string& policy, const std::string& what) {
  throw Error(Exit::kNoInput, folder + ": is " + what + ", not a model folder", "give " + policy);
}

void refuse_own_parts(const std::string& folder) {
  std::error_code error;
  if (const std::string policy = policy_of_part(folder, "trainer"); !policy.empty())
    refuse_part(folder, policy, "the trainer's state of " + policy);
  if (const std::string policy = policy_of_part(folder, "critic");
      !policy.empty() && fs::exists(folder + "/shared.safetensors", error))
    refuse_part(folder, policy, "the value head on the backbone of " + policy);
  if (folder.find(".checkpoint") != folder.npos && fs::exists(folder + "/state.json", error))
    throw Error(Exit::kNoInput, folder + ": is the checkpoint of an unfinished run",
                "run its command again, which resumes from there: the model folder appears at the end");
  std::vector<std::string> inside;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (fs::exists(entry.path() / "config.json", error) || fs::exists(entry.path() / "adapter_config.json", error))
      inside.push_back(entry.path().string());
  if (inside.empty()) return;
  std::sort(inside.begin(), inside.end());
  throw Error(Exit::kNoInput, folder + ": is not a model folder, but contains some",
              "give one of them, such as " + inside.front());
}

}  // namespace

std::string policy_of_part(const std::string& folder, std::string_view part) {
  std::error_code error;
  fs::path path = fs::path(folder).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // "p1/critic/"
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const bool model = fs::exists(parent / "config.json", error) || fs::exists(parent / "adapter_config.json", error);
  return path.filename() == part && model ? parent.string() : "";
}

std::string advice_on_hub_name(const std::string& name) {
  if (!may_be_hub_name(name)) return "";
  return "if it is a name on the Hugging Face hub, fetch the model first: hf download " + name + " --local-dir FOLDER";
}

void refuse_pointer(const std::string& path) {
  constexpr std::string_view kPointer = "version https://git-lfs.github.com/spec/";
  if (first_bytes(path, kPointer.size()) != kPointer) return;
  bad_input(path + ": is a Git LFS pointer, not the file itself",
            "fetch the files that git left out: git -C " + fs::path(path).parent_path().string() + " lfs pull");
}

void refuse_foreign_folder(const std::string& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (fs::is_regular_file(status)) refuse_file(folder);
  if (!fs::is_directory(status)) {
    const bool absent = status.type() == fs::file_type::not_found;
    throw Error(Exit::kNoInput, folder + ": no such model folder" + (absent || !error ? "" : ": " + error.message()),
                absent ? advice_on_hub_name(folder) : "");
  }
  if (file_exists(folder + "/config.json")) return refuse_pointer(folder + "/config.json");
  refuse_half_adapter(folder);
  refuse_own_parts(folder);
  const std::string missing = folder + "/config.json: is missing: ";
  if (fs::is_directory(folder + "/snapshots", error))
    throw Error(Exit::kNoInput, missing + "the folder is in the hub's cache",
                "give the folder of a revision: ls -d " + folder + "/snapshots/*");
  if (const std::string file = file_ending_in(folder, ".gguf"); !file.empty())
    throw Error(Exit::kNoInput, missing + file + " is a GGUF file, which is llama.cpp's format",
                "give the model folder that it was made from, with config.json and model.safetensors");
  if (file_exists(folder + "/params.json"))
    throw Error(Exit::kNoInput, missing + "the folder has the layout of the model's authors (params.json)",
                "give the folder in Hugging Face's layout, which the hub has beside it");
}

void refuse_foreign_weights(const std::string& folder) {
  refuse_half_adapter(folder);
  for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
    if (file_exists(folder + "/" + name))
      bad_input(folder + "/" + name + ": the weights are PyTorch pickles, which can run code and are not read",
                "convert them: python3 -c 'import sys; from transformers import AutoModelForCausalLM as M; "
                "M.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1])' " +
                    folder + " (a reward model: AutoModelForSequenceClassification)");
  for (const char* end : {".gguf", ".pth", ".h5", ".msgpack", ".onnx"})
    if (const std::string file = file_ending_in(folder, end); !file.empty())
      bad_input(folder + "/model.safetensors: is missing, and " + file + " has another format",
                "give the folder with model.safetensors, which the hub has beside it");
}

void refuse_foreign_tokenizer(const std::string& folder) {
  for (const char* name : {"vocab.json", "tokenizer.model", "vocab.txt", "spiece.model", "tekken.json"})
    if (file_exists(folder + "/" + name))
      bad_input(folder + "/tokenizer.json: is missing, and " + name + " has another format",
                "write it: python3 -c 'import sys; from transformers import AutoTokenizer as T; "
                "T.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1])' " +
                    folder);
}

std::string advice_on_tensor(std::string_view name) {
  if (name.find("lora_") != name.npos || name.starts_with("base_model.model."))
    return "it belongs to an adapter, which PEFT's save_pretrained writes to a folder of its own";
  if (name.starts_with("value_head."))
    return "older OpenRLHF reward models name their head so: rename it to score.weight";
  if (name.starts_with("v_head."))
    return "it is the value head of TRL's AutoModelForCausalLMWithValueHead: save pretrained_model alone";
  return "";
}

std::string advice_on_class(std::string_view name, std::string_view score_class) {
  if (name != "RewardModel" && name != "LLMForSequenceRegression" && name != "CriticModel") return "";
  return "that is OpenRLHF's name for " + std::string(score_class) +
         " with its score read at the last token; declare it in config.json: jq '.architectures = [\"" +
         std::string(score_class) +
         "\"] | .id2label = {\"0\": \"LABEL_0\"} | .label2id = {\"LABEL_0\": 0} | .pad_token_id = null | "
         "if .normalize_reward then .reward_mean = .mean | .reward_std = .std else . end'";
}

std::string_view clause_on_model_type(std::string_view model_type) {
  struct Kind {
    std::string_view clause;
    std::vector<std::string_view> types;
  };
  static const Kind kinds[] = {
      {", whose layers hold recurrent states",
       {"mamba", "mamba2", "falcon_mamba", "jamba", "zamba", "zamba2", "bamba", "falcon_h1", "nemotron_h",
        "granitemoehybrid", "recurrent_gemma", "rwkv", "xlstm"}},
      {", in which some layers have linear attention",
       {"qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text", "qwen3_next", "olmo_hybrid", "minimax"}},
      {", in which some layers are convolutions", {"lfm2", "lfm2_moe", "lfm2_vl"}},
      {", a mixture of experts",
       {"mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "granitemoe", "granitemoeshared", "phimoe", "deepseek_v2",
        "deepseek_v3", "gpt_oss", "glm4_moe", "ernie4_5_moe", "dbrx", "jetmoe"}},
      {", an encoder",
       {"bert", "roberta", "xlm-roberta", "camembert", "distilbert", "deberta", "deberta-v2", "electra", "albert",
        "mpnet", "modernbert", "eurobert", "nomic_bert"}},
      {", an encoder with a decoder",
       {"t5", "mt5", "umt5", "bart", "mbart", "pegasus", "marian", "m2m_100", "t5gemma", "encoder-decoder"}},
      {", which reads images or sounds as well",
       {"gemma3", "gemma3n", "gemma4", "paligemma", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "mistral3", "llava", "mllama",
        "idefics3", "smolvlm", "phi4_multimodal", "whisper"}}};
  for (const Kind& kind : kinds)
    if (std::find(kind.types.begin(), kind.types.end(), model_type) != kind.types.end()) return kind.clause;
  return "";
}

}  // namespace nudge
