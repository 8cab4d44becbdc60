// The page of peek --html: records with their tokens, to be sorted, filtered and compared in a browser. Its data is
// for lib/page/viewer.js alone, which draws it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/io/paint.h"
#include "lib/io/summary.h"
#include "lib/report/policy_comparison.h"

namespace nudge {

inline constexpr std::array kTokenValues = {TokenValue::kLogProbs, TokenValue::kAdvantages, TokenValue::kValues,
                                            TokenValue::kKl,       TokenValue::kRatio,      TokenValue::kMask};
// "logprobs", ...: as options and pages name it.
std::string_view name_of(TokenValue value);

class PeekPage {
 public:
  explicit PeekPage(TokenText text) : text_(std::move(text)) {}  // empty: tokens are ids

  void add(const Record& record);
  void keep_first(std::int64_t n);
  // Keeps the records of these groups alone.
  void keep_groups(const std::vector<std::string>& groups);
  std::int64_t records() const { return static_cast<std::int64_t>(rows_.size()); }

  // The page; it begins with the colours of `by`. `compared`: nullptr for none.
  std::string html(const Summary& summary, const std::vector<StreamInfo>& streams, TokenValue by,
                   const PolicyComparison* compared);

 private:
  struct Row {
    std::string group, json;
  };
  struct Colour {  // a kind of token value, where records have it
    std::size_t column = 0;
    std::vector<float> distances;  // from the neutral value
  };

  void put_prompt(JsonWriter& w, const Record& record);
  std::vector<std::string> put_tokens(JsonWriter& w, const Record& record);
  void put_fields(JsonWriter& w, const Record& record, const std::vector<std::string>& of_tokens);
  std::size_t column(const std::string& key);
  void put_pieces(JsonWriter& w) const;
  void put_colours(JsonWriter& w, TokenValue by);
  std::string data(const Summary& summary, TokenValue by, const PolicyComparison* compared);

  TokenText text_;
  std::vector<Row> rows_;
  struct Texts {  // each once
    std::vector<std::string> list;
    std::map<std::string, std::size_t> places;
    std::size_t place_of(std::string text);
  };

  Texts files_, prompts_, shapes_;  // prompts as JSON; the lists of fields' names, as JSON
  std::vector<std::string> columns_;
  std::map<TokenValue, Colour> colours_;
  std::set<std::int32_t> ids_;  // that occur
};

}  // namespace nudge
