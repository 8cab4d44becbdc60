#include "lib/label/label_page.h"

#include "lib/base/digest.h"
#include "lib/io/json.h"
#include "lib/page/assets.h"
#include "lib/page/html.h"

namespace nudge {
namespace {

constexpr const char* kBody =
    "<main id=\"labelling\"></main>\n"
    "<noscript><p class=\"warning\">This page asks by a script of its own. Allow scripts to judge its "
    "pairs.</p></noscript>\n";

// Values that are saved again stand as JSON texts, so that they are saved byte for byte.
std::string page_data(const std::vector<Question>& questions) {
  JsonWriter w;
  Digest all;
  w.begin_object().key("questions").begin_array();
  for (const Question& q : questions) {
    const Record &left = q.group->answers[q.left], &right = q.group->answers[q.right];
    const std::string digest = pair_digest(pair_group(*q.group, q.left, q.right));
    w.begin_object().field("id", q.id).field("pair", digest);
    if (left.has("prompt")) w.field("prompt", std::string(left.raw("prompt")));
    if (left.has("messages")) w.key("messages").raw(left.raw("messages"));
    w.field("left", std::string(left.raw("response"))).field("right", std::string(right.raw("response"))).end_object();
    all.text(q.id).text(digest).text(words_of(left, "response"));
  }
  return w.end_array().field("digest", all.hex()).end_object().text();
}

}  // namespace

std::string label_page(const std::vector<Question>& questions) {
  return page_html({.title = "Which answer is better?",
                    .body = kBody,
                    .data = page_data(questions),
                    .style = assets::labelling_css,
                    .script = assets::labelling_js});
}

}  // namespace nudge
