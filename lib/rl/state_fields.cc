#include "lib/rl/state_fields.h"

#include "lib/base/error.h"
#include "lib/io/files.h"
#include "lib/io/json.h"

namespace nudge {

Record read_state(const std::string& path) {
  const std::string text = read_file(path);
  try {
    return Record::parse(text, path);
  } catch (const Error&) {
    bad_input(path + ": is not a JSON object");
  }
}

std::string state_text(const Record& state, int indent) {
  JsonWriter w(indent);
  w.begin_object();
  for (const Record::Field& field : state.fields()) w.key(field.key).raw(field.raw);
  return w.end_object().text() + "\n";
}

void StateFields::operator()(const std::string& name, std::vector<std::string>& texts) {
  if (reads_) {
    texts = record_.has(name) ? record_.texts(name) : std::vector<std::string>();
    return;
  }
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "[" : ",") + json_quote(text);
  if (!texts.empty()) record_.set_raw(name, list + "]");
}

}  // namespace nudge
