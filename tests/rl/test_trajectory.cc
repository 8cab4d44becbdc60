// Trajectories as read from records: values, defaults and every refusal.
#include "lib/rl/trajectory.h"

#include <map>

#include "lib/base/error.h"
#include "lib/text/bpe_trainer.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

ModelConfig config() {
  ModelConfig c;
  c.layers = 1, c.width = 4, c.heads = 1, c.feed_forward = 4, c.vocab = 100, c.context = 8;
  return c;
}

// A whole trajectory with some fields replaced ("" leaves one out).
std::string line_with(const std::map<std::string, std::string>& changes) {
  std::map<std::string, std::string> fields{{"id", "\"7/0\""},
                                            {"prompt_ids", "[1,2,3]"},
                                            {"response_ids", "[4,99]"},
                                            {"logprobs", "[-0.5,-0.25]"},
                                            {"policy", "\"abc\""},
                                            {"dtype", "\"f32\""},
                                            {"arith", "1"},
                                            {"temperature", "0.5"},
                                            {"top_k", "0"},
                                            {"top_p", "1"},
                                            {"finish", "\"length\""},
                                            {"reward", "1.5"}};
  for (const auto& [key, value] : changes) fields[key] = value;
  std::string text;
  for (const auto& [key, value] : fields)
    if (!value.empty()) text += (text.empty() ? "{\"" : ",\"") + key + "\":" + value;
  return text + "}";
}
Trajectory read(const std::map<std::string, std::string>& changes = {}) {
  return read_trajectory(Record::parse(line_with(changes), "file: record 3"), config());
}
std::string refusal(const std::map<std::string, std::string>& changes) {
  try {
    read(changes);
  } catch (const Error& e) {
    CHECK(e.status() == Exit::kBadInput);
    return e.what();
  }
  return "nothing thrown";
}
std::string check(const std::map<std::string, std::string>& changes, bool off_policy = false, bool truncated = false) {
  try {
    check_sampled_by(read(changes), "abc", Dtype::kF32, off_policy, truncated, "give another");
  } catch (const Error& e) {
    CHECK(e.status() == Exit::kBadInput);
    CHECK_FALSE(e.advice().empty());
    return e.what();
  }
  return "nothing thrown";
}

}  // namespace

TEST_CASE("every field of a trajectory is read") {
  const Trajectory t = read({{"ref_logprobs", "[-1,-2]"}, {"rewards", "[0.5,-0.5]"}});
  CHECK(t.id == "7/0");
  CHECK(t.where == "file: record 3");
  CHECK(t.prompt_ids == std::vector<std::int32_t>{1, 2, 3});
  CHECK(t.response_ids == std::vector<std::int32_t>{4, 99});
  CHECK(t.logprobs == std::vector<float>{-0.5f, -0.25f});
  CHECK(t.ref_logprobs == std::vector<float>{-1, -2});
  CHECK(t.token_rewards == std::vector<float>{0.5f, -0.5f});
  CHECK(t.reward.value() == 1.5f);
  CHECK(t.temperature == 0.5f);
  CHECK(t.policy == "abc");
  CHECK(t.dtype == "f32");
  CHECK(t.arithmetic == 1);
  CHECK_FALSE(t.stopped);
  CHECK_FALSE(t.truncated_sampling);
  const ResponseView view = t.view();
  CHECK(view.tokens() == 5);
  CHECK(view.predicted() == 2);
  CHECK(view.temperature == 0.5f);
}
TEST_CASE("a group is the record's, else the id's part before the last slash") {
  CHECK(read({{"group", "\"p\""}}).group == "p");
  CHECK(read({{"group", "12"}}).group == "12");
  CHECK(read().group == "7");  // of the id "7/0"
  CHECK(read({{"group", "null"}}).group == "7");
  CHECK(read({{"id", "\"a/b/3\""}}).group == "a/b");
  CHECK(read({{"id", "\"alone\""}}).group == "alone");
  CHECK(read({{"id", "5"}}).group == "5");
  for (const std::string wrong : {"[1]", "{}", "true", "1.5", "1e2"}) {
    CAPTURE(wrong);
    CHECK(refusal({{"group", wrong}}) ==
          "file: record 3: field \"group\" must be a string or an integer, not " + wrong);
  }
}
TEST_CASE("whether a response ended is told by finish, else by its last token") {
  const std::vector<std::string> texts = {"ab"};
  const Model model{
      Transformer(config(), Buffer<float>(Layout(config()).size)),
      Tokenizer::from_json(train_bpe(texts, {.vocab_size = 259, .pad = false}).tokenizer_json, "{}", "test"),
      "",
      {98, 99}};
  const auto ended = [&](const std::map<std::string, std::string>& changes) {
    return ended_by_itself(Record::parse(line_with(changes), "file: record 3"), model);
  };
  CHECK_FALSE(ended({}));  // "length", whatever the last token
  CHECK(ended({{"finish", "\"stop\""}, {"response_ids", "[4,5]"}}));
  CHECK(ended({{"finish", ""}}));
  CHECK(ended({{"finish", ""}, {"response_ids", "[99,98]"}}));
  CHECK_FALSE(ended({{"finish", ""}, {"response_ids", "[99,5]"}}));
  CHECK_FALSE(ended({{"finish", ""}, {"response_ids", "[]"}}));
  CHECK_THROWS_WITH_AS(ended({{"finish", "\"end\""}}),
                       "file: record 3: field \"finish\" is neither \"stop\" nor \"length\"", Error);
}
TEST_CASE("fields that other programs leave out have defaults") {
  const Trajectory t = read({{"logprobs", ""},
                             {"policy", ""},
                             {"dtype", ""},
                             {"arith", ""},
                             {"temperature", ""},
                             {"top_k", ""},
                             {"top_p", ""},
                             {"finish", ""},
                             {"reward", ""}});
  CHECK(t.logprobs.empty());
  CHECK(t.ref_logprobs.empty());
  CHECK(t.token_rewards.empty());
  CHECK_FALSE(t.reward.has_value());
  CHECK(t.temperature == 1);
  CHECK(t.stopped);
  CHECK_FALSE(t.truncated_sampling);
  CHECK(t.policy.empty());
  CHECK(t.dtype == "f32");
  CHECK(t.arithmetic == 1);
}
TEST_CASE("top-k and top-p make a truncated sample") {
  CHECK(read({{"top_k", "5"}}).truncated_sampling);
  CHECK(read({{"top_p", "0.99"}}).truncated_sampling);
}
TEST_CASE("the first token of a response without prompt has no prediction") {
  const Trajectory t = read({{"prompt_ids", "[]"}, {"logprobs", "[-0.5]"}});
  CHECK(t.view().predicted() == 1);
  CHECK(t.logprobs.size() == 1);
}

TEST_CASE("a response without a token to learn from is refused") {
  CHECK(refusal({{"response_ids", "[]"}, {"logprobs", "[]"}}) ==
        "file: record 3: field \"response_ids\" has no token to learn from");
  CHECK(refusal({{"prompt_ids", "[]"}, {"response_ids", "[4]"}, {"logprobs", "[]"}}) ==
        "file: record 3: field \"response_ids\" has no token to learn from");
}
TEST_CASE("tokens beyond the vocabulary are refused") {
  CHECK(refusal({{"prompt_ids", "[1,100]"}}) ==
        "file: record 3: field \"prompt_ids\" contains token 100, the model's vocabulary has 100");
  CHECK(refusal({{"response_ids", "[2147483647,1]"}}) ==
        "file: record 3: field \"response_ids\" contains token 2147483647, the model's vocabulary has 100");
}
TEST_CASE("a trajectory longer than the context is refused where it has to fit, one as long is not") {
  const Trajectory t = read({{"prompt_ids", "[1,1,1,1,1,1]"}}), longer = read({{"prompt_ids", "[1,1,1,1,1,1,1]"}});
  CHECK(fits(t, config()));
  CHECK_NOTHROW(check_fits(t, config(), "policy", "shorten it"));
  CHECK_FALSE(fits(longer, config()));
  CHECK_THROWS_WITH_AS(check_fits(longer, config(), "policy", "shorten it"),
                       "file: record 3: prompt and response have 9 tokens, more than the policy's context of 8", Error);
}
TEST_CASE("null is absence in every field that is optional, and its words tell it from a missing one") {
  const std::map<std::string, std::string> nulls{{"logprobs", "null"}, {"ref_logprobs", "null"}, {"rewards", "null"},
                                                 {"reward", "null"},   {"policy", "null"},       {"dtype", "null"},
                                                 {"arith", "null"},    {"temperature", "null"},  {"top_k", "null"},
                                                 {"top_p", "null"},    {"finish", "null"}};
  const Trajectory t = read(nulls);
  CHECK((t.logprobs.empty() && t.ref_logprobs.empty() && t.token_rewards.empty() && !t.reward && t.policy.empty()));
  CHECK((t.dtype == "f32" && t.arithmetic == kArithmetic && t.temperature == 1 && t.stopped && !t.truncated_sampling));
  const auto words = [](const Trajectory& of) {
    try {
      refuse_absent(of, "reward", "", "score it");
    } catch (const MissingField& e) {
      return std::string(e.what());
    }
  };
  CHECK(words(t) == "file: record 3: field \"reward\" is null");
  CHECK(words(read({{"reward", ""}})) == "file: record 3: field \"reward\" is missing");
  CHECK(refusal({{"id", "null"}}) == "file: record 3: field \"id\" is null");
  CHECK(refusal({{"prompt_ids", "null"}}) == "file: record 3: field \"prompt_ids\" is null");
}
TEST_CASE("an id may be an integer, which is the text of it") {
  CHECK(read({{"id", "12"}}).id == "12");
  CHECK(read({{"id", "98765432109876543210"}}).id == "98765432109876543210");
  CHECK(refusal({{"id", "1.5"}}) == "file: record 3: field \"id\" must be a string or an integer, not 1.5");
}
TEST_CASE("lists of another length than the response's are refused") {
  for (const std::string key : {"logprobs", "ref_logprobs", "rewards"}) {
    CHECK(refusal({{key, "[-1]"}}) == "file: record 3: field \"" + key + "\" has 1 numbers for 2 tokens");
    CHECK(refusal({{key, "[-1,-1,-1]"}}) == "file: record 3: field \"" + key + "\" has 3 numbers for 2 tokens");
  }
}
TEST_CASE("fields that are missing or of another type are refused") {
  for (const std::string key : {"id", "prompt_ids", "response_ids"})
    CHECK(refusal({{key, ""}}) == "file: record 3: field \"" + key + "\" is missing");
  for (const std::string key : {"id", "prompt_ids", "response_ids", "logprobs", "ref_logprobs", "rewards", "reward",
                                "temperature", "top_k", "top_p", "finish", "policy", "dtype", "arith"}) {
    const std::string message = refusal({{key, "{}"}});
    CHECK(message.rfind("file: record 3: field \"" + key + "\" ", 0) == 0);
  }
  CHECK(refusal({{"temperature", "-0.5"}}) == "file: record 3: field \"temperature\" is negative");
  for (const char* tiny : {"1e-42", "1e-38", "0.00099"})
    CHECK(refusal({{"temperature", tiny}}) ==
          "file: record 3: field \"temperature\" is below 0.001: logits divided by it may overflow");
  CHECK(read({{"temperature", "0.001"}}).temperature == 0.001f);
}

TEST_CASE("what this policy sampled is taken") { CHECK(check({}) == "nothing thrown"); }
TEST_CASE("temperature 0 is refused, whatever else is allowed") {
  const std::string want = "file: record 3: was sampled at temperature 0, which has no log-probs to learn from";
  CHECK(check({{"temperature", "0"}}) == want);
  CHECK(check({{"temperature", "0"}}, true, true) == want);
}
TEST_CASE("truncated samples are refused unless they are allowed") {
  const std::string want =
      "file: record 3: was sampled with top-k or top-p, its log-probs are not those it was drawn with";
  for (const auto& change : {std::pair{"top_k", "5"}, std::pair{"top_p", "0.9"}}) {
    CHECK(check({change}) == want);
    CHECK(check({change}, true, false) == want);
    CHECK(check({change}, false, true) == "nothing thrown");
  }
}
TEST_CASE("another policy's samples are refused unless off-policy ones are allowed") {
  CHECK(check({{"policy", "\"abd\""}}) == "file: record 3: was sampled by policy abd, this one is abc");
  CHECK(check({{"policy", ""}}) == "file: record 3: was sampled by policy (unnamed), this one is abc");
  CHECK(check({{"policy", "\"abd\""}}, false, true) != "nothing thrown");
  CHECK(check({{"policy", "\"abd\""}}, true) == "nothing thrown");
}
TEST_CASE("another dtype or arithmetic is refused unless off-policy samples are allowed") {
  CHECK(check({{"dtype", "\"bf16\""}}) ==
        "file: record 3: was sampled in dtype bf16 and arithmetic 1, this run has f32 and 1");
  CHECK(check({{"arith", "2"}}) == "file: record 3: was sampled in dtype f32 and arithmetic 2, this run has f32 and 1");
  CHECK(check({{"dtype", "\"bf16\""}, {"arith", "2"}}, true) == "nothing thrown");
}
