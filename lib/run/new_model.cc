#include "lib/run/new_model.h"

#include <string>

#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/io/json.h"
#include "lib/model/config_attention.h"
#include "lib/text/bpe_trainer.h"

namespace nudge {

namespace {

ModelConfig shape_of(const NewModelOptions& options) {
  ModelConfig config = ModelConfig::usual(options.family);
  config.layers = options.layers;
  config.width = options.width;
  config.heads = options.heads;
  config.kv_head_count = options.kv_heads;
  config.head_size = options.head_dim;
  config.feed_forward = options.inner > 0 ? options.inner
                        : config.gated    ? (options.width * 8 / 3 + 31) / 32 * 32
                                          : 4 * options.width;
  config.context = options.context;
  if (config.query_scalar > 0) config.query_scalar = static_cast<double>(config.head_dim());
  config.rotary.dims = static_cast<std::int64_t>(static_cast<double>(config.head_dim()) * config.rotary.share);
  set_usual_layers(config);
  config.tied = true;
  config.dtype = options.dtype;
  return config;
}

}  // namespace

void NewModelOptions::check() const {
  const auto not_a_multiple = [](const char* option, std::int64_t n, const char* of, std::int64_t m) {
    if (n % m == 0) return;
    usage_error(std::string(option) + " " + std::to_string(n) + " is not a multiple of " + of + " " +
                std::to_string(m));
  };
  if (head_dim > 0 && *family_of(family).keys.head_dim == 0)
    usage_error("--head-dim: a head of " + family + " has width / heads channels");
  if (head_dim == 0) not_a_multiple("--width", width, "--heads", heads);
  const ModelConfig config = shape_of(*this);
  if (kv_heads > 0 && *family_of(family).keys.kv_heads == 0)
    usage_error("--kv-heads: each head of " + family + " has keys and values of its own");
  not_a_multiple("--heads", heads, "--kv-heads", config.kv_heads());
  if (config.positions == PositionKind::kRotary && (config.rotary.dims < 2 || config.rotary.dims % 2 != 0))
    usage_error((head_dim > 0 ? "--head-dim " + std::to_string(head_dim)
                              : "--width " + std::to_string(width) + " and --heads " + std::to_string(heads)) +
                ": " + family + " would rotate " + std::to_string(config.rotary.dims) +
                " channels of a head, which must be pairs");
}

void NewModelOptions::add_to(Tool& tool, const std::string& init) {
  std::vector<std::pair<std::string, std::string>> families;
  for (const std::string& type : family_types()) families.push_back({type, type});
  tool.group("A new model");
  std::vector<const Option*> given = {
      &tool.choice("--family", family, families, "architecture, by model_type").placeholder("NAME"),
      &tool.option("--layers", layers, "transformer blocks").at_least(1).at_most(1000),
      &tool.option("--width", width, "hidden size").at_least(1).at_most(65536),
      &tool.option("--heads", heads, "attention heads; must divide the width without --head-dim")
           .at_least(1)
           .at_most(1024),
      &tool.option("--head-dim", head_dim, "channels of a head; 0: width / heads").at_least(0).at_most(1024),
      &tool.option("--kv-heads", kv_heads, "key/value heads, shared by the query heads; 0: as many as --heads")
           .at_least(0)
           .at_most(1024),
      &tool.option("--inner", inner, "hidden size of the feed-forward block; 0: 4 widths, if gated 8/3")
           .at_least(0)
           .at_most(1 << 20),
      &tool.option("--context", context, "longest sequence, in tokens").at_least(2).at_most(1 << 20),
      &tool.option("--vocab", vocab, "largest vocabulary, in tokens").at_least(258).at_most(1 << 20)};
  tool.after_parsing([this, given, &init] {
    for (const Option* o : given)
      if (o->given() && init != "new")
        usage_error(o->shown_name() + " is for a new model; the one in --init has its sizes",
                    "leave it out, or give --init new");
    check();
  });
}

namespace {

// The texts that the tokenizer is trained on.
std::vector<std::string> texts_of(const std::vector<Record>& records) {
  std::vector<std::string> texts;
  for (const Record& r : records) {
    for (const char* key : {"text", "prompt", "completion", "messages"}) {
      if (!r.has(key)) continue;
      if (!r.is_array(key)) {
        texts.push_back(r.text(key));
        continue;
      }
      for (const Message& m : r.messages(key))
        if (m.content) texts.push_back(*m.content);
    }
  }
  return texts;
}

}  // namespace

Model new_model(const NewModelOptions& options, const std::vector<Record>& records, std::uint64_t seed) {
  const ProfileScope scope(Part::kLoading);
  options.check();
  const TrainedTokenizer trained =
      train_bpe(texts_of(records), {static_cast<std::int32_t>(options.vocab), options.family});
  Tokenizer tokenizer =
      Tokenizer::from_json(trained.tokenizer_json, trained.tokenizer_config_json, "the new tokenizer");

  ModelConfig config = shape_of(options);
  config.vocab = trained.vocab_size;
  config.bos = tokenizer.bos_id();
  config.eos = tokenizer.eos_id();
  config.pad = tokenizer.pad_id();
  Buffer<float> values = initial_parameters(config, Layout(config), seed);

  JsonWriter generation(2);
  generation.begin_object().field("bos_token_id", std::int64_t{config.bos});
  generation.field("eos_token_id", std::int64_t{config.eos});
  generation.field("pad_token_id", std::int64_t{config.pad}).end_object();
  const std::int32_t eos = config.eos;
  return Model{
      Transformer(std::move(config), std::move(values)), std::move(tokenizer), generation.text() + "\n", {eos}};
}

}  // namespace nudge
