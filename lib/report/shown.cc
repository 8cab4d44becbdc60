#include "lib/report/shown.h"

#include <algorithm>
#include <cmath>

#include "lib/io/json.h"
#include "lib/rl/minibatch.h"

namespace nudge {
namespace {

constexpr const char* kFacts[] = {"policy", "ref_policy",  "tokenizer", "dtype", "arith",
                                  "seed",   "temperature", "top_k",     "top_p", "chat_date"};
constexpr std::size_t kContextCharacters = 40;

// The text of a prompt or an answer: messages as lines.
std::string text_of(const Record& record, const char* key) {
  if (!record.has(key)) return "";
  if (record.is_text(key)) return record.text(key);
  if (!record.is_array(key)) return std::string(record.raw(key));
  std::string text;
  for (const Message& m : record.messages(key))
    text += (text.empty() ? "" : "\n") + m.role + ": " + m.content.value_or(m.json);
  return text;
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

// The last and the first characters of a text, without parts of characters where the text is UTF-8.
std::string last_characters(const std::string& text, std::size_t most) {
  std::size_t at = text.size();
  for (std::size_t n = 0; at > 0 && n < most;) n += begins_character(text[--at]);
  return text.substr(at);
}

std::string first_characters(const std::string& text, std::size_t most) {
  std::size_t at = 0, n = 0;
  while (at < text.size() && (n += begins_character(text[at])) <= most) ++at;
  return text.substr(0, at);
}

// What the ids add to the text of those before them.
std::string bytes_of(const Tokenizer& tokenizer, std::span<const std::int32_t> ids) {
  std::string text;
  for (const std::int32_t id : ids) text += tokenizer.token_bytes(id);
  return text;
}

// The token and some tokens on either side, those of the prompt before the first.
void add_texts(ShownToken& shown, const Trajectory& t, const Tokenizer& tokenizer) {
  std::vector<std::int32_t> ids = t.prompt_ids;
  ids.insert(ids.end(), t.response_ids.begin(), t.response_ids.end());
  const std::span<const std::int32_t> all(ids);
  const std::size_t at = t.prompt_ids.size() + static_cast<std::size_t>(shown.position);
  // A token has a byte or more, most have several: these are enough for the characters wanted.
  const std::size_t begin = at - std::min(at, 4 * kContextCharacters);
  const std::size_t end = std::min(all.size(), at + 1 + 4 * kContextCharacters);
  shown.has_text = true;
  shown.before = last_characters(bytes_of(tokenizer, all.subspan(begin, at - begin)), kContextCharacters);
  shown.text = tokenizer.token_bytes(shown.token_id);
  shown.after = first_characters(bytes_of(tokenizer, all.subspan(at + 1, end - at - 1)), kContextCharacters);
}

// The farther first; of equal ones the lesser id, the earlier token.
bool moved_more(const ShownToken& a, const ShownToken& b) {
  if (std::fabs(a.difference) != std::fabs(b.difference)) return std::fabs(a.difference) > std::fabs(b.difference);
  if (a.id != b.id) return id_less(a.id, b.id);
  return a.position < b.position;
}

}  // namespace

bool FactTable::Shorter::operator()(const std::string& a, const std::string& b) const { return id_less(a, b); }

void FactTable::add(const Record& record) {
  for (const char* field : kFacts) {
    if (!record.has(field)) continue;
    auto& values = values_[field];
    values.insert(record.is_text(field) ? record.text(field) : std::string(record.raw(field)));
    if (values.size() > kFactValues + 1) values.erase(std::prev(values.end()));
  }
}

std::vector<Fact> FactTable::facts() const {
  std::vector<Fact> all;
  for (const char* field : kFacts) {
    const auto found = values_.find(field);
    if (found == values_.end()) continue;
    Fact fact{.field = field, .values = {found->second.begin(), found->second.end()}};
    if (fact.values.size() > kFactValues) fact.more = true, fact.values.pop_back();
    all.push_back(std::move(fact));
  }
  return all;
}

void MovedTokens::add(const Record& record, const Trajectory& t, const Tokenizer* tokenizer) {
  const ResponseView view = t.view();
  const std::size_t unlisted = t.response_ids.size() - static_cast<std::size_t>(view.listed());
  for (std::size_t k = 0; k < t.logprobs.size(); ++k) {
    if (!view.counts(k)) continue;
    ShownToken token;
    token.id = t.id, token.group = t.group;
    token.position = static_cast<std::int64_t>(k + unlisted), token.of = std::ssize(t.response_ids);
    token.token_id = t.response_ids[k + unlisted];
    token.logprob = static_cast<double>(t.logprobs[k]);
    token.difference = token.logprob - static_cast<double>(t.ref_logprobs[k]);
    if (tokens_.size() == kShownTokens && !moved_more(token, tokens_.back())) continue;
    if (tokenizer != nullptr) add_texts(token, t, *tokenizer);
    else token.after = text_of(record, "response");
    tokens_.insert(std::ranges::upper_bound(tokens_, token, moved_more), std::move(token));
    if (tokens_.size() > kShownTokens) tokens_.pop_back();
  }
}

ShownAnswer shown_answer(const Record& record, const Trajectory& t, const AnswerSums& sums) {
  return {.id = t.id,
          .group = t.group,
          .prompt = text_of(record, "prompt"),
          .response = text_of(record, "response"),
          .reward = sums.reward,
          .gold = sums.gold,
          .kl = sums.kl,
          .tokens = std::ssize(t.response_ids),
          .cut = sums.cut};
}

}  // namespace nudge
