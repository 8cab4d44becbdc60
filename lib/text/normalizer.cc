#include "lib/text/normalizer.h"

#include "lib/text/unicode.h"

namespace nudge {

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  std::size_t done = 0;
  for (std::size_t at; (at = text.find(from, done)) != text.npos; done = at + from.size()) {
    out.append(text, done, at - done).append(to);
  }
  return out.append(text, done);
}

std::string normalize(const std::vector<NormalizerStep>& steps, std::string_view text, bool prepend) {
  std::string out(text);
  for (const NormalizerStep& step : steps) {
    if (step.kind == NormalizerStep::Kind::kNfc) {
      out = nfc(out);
    } else if (step.kind == NormalizerStep::Kind::kReplace) {
      out = replace_all(out, step.from, step.to);
    } else if (prepend && !out.empty()) {
      out.insert(0, step.to);
    }
  }
  return out;
}

}  // namespace nudge
