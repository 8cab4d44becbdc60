#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "lib/base/error.h"
#include "lib/label/label_session.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

std::deque<AnswerGroup> some_groups(int groups, int answers) {
  AnswerGroups all;
  for (int g = 0; g < groups; ++g) {
    const std::string name = "g" + std::to_string(g);
    for (int k = 0; k < answers; ++k) {
      const std::string id = name + "/" + std::to_string(k);
      const std::string names = "\"id\":\"" + id + "\",\"group\":\"" + name + "\",\"response\":\"" + id + "\"";
      all.add(Record::parse("{" + names + ",\"prompt\":\"p\"}", "in"), "");
    }
  }
  return all.sorted();
}

std::string fresh_path() {
  static int n = 0;
  return test::scratch_folder() + "/journal" + std::to_string(++n) + ".jsonl";
}

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Answers the questions with the keys in turn, then quits. Appends the ids of the questions to `asked`.
bool play(const std::vector<Question>& questions, const std::string& path, const std::string& keys,
          std::string* asked = nullptr) {
  LabelJournal journal(path);
  std::size_t next = 0;
  const auto complete = [&] { return next >= keys.size() || keys[next++] != 'u'; };
  return run_label_session(
      questions, journal, "me",
      [&](const Question& q, std::size_t number) {
        CHECK(&q == &questions[number]);
        if (asked != nullptr) *asked += q.id + " ";
        switch (next < keys.size() ? keys[next++] : 'q') {
          case 'l': return Decision::kLeft;
          case 'r': return Decision::kRight;
          case 't': return Decision::kTie;
          case 's': return Decision::kSkip;
          case 'u': return Decision::kUndo;
          default: return Decision::kQuit;
        }
      },
      complete);
}

}  // namespace

TEST_CASE("one pair a group is drawn by the seed, or all are asked") {
  const auto groups = some_groups(40, 4);
  LabelCounts counts;
  const auto one = make_questions(groups, false, 1, counts), again = make_questions(groups, false, 1, counts);
  const auto other = make_questions(groups, false, 2, counts);
  REQUIRE(one.size() == 40);
  std::set<std::string> drawn;
  int same = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    CHECK(one[i].id == again[i].id);
    CHECK(one[i].left == again[i].left);
    same += one[i].id == other[i].id;
    drawn.insert(one[i].id.substr(one[i].id.find('/')));
  }
  CHECK(same < 20);          // of 40 with 6 pairs each
  CHECK(drawn.size() == 6);  // each of the pairs comes up
  const auto all = make_questions(groups, true, 1, counts);
  CHECK(all.size() == 240);
  std::set<std::string> ids;
  for (const Question& q : all) ids.insert(q.id);
  CHECK(ids.size() == 240);
}

TEST_CASE("each answer stands left about as often as right") {
  const auto groups = some_groups(1000, 2);
  LabelCounts counts;
  const auto questions = make_questions(groups, false, 7, counts);
  const auto swapped = std::count_if(questions.begin(), questions.end(), [](const Question& q) { return q.left == 1; });
  CHECK(swapped > 440);  // four standard deviations are 63
  CHECK(swapped < 560);
}

TEST_CASE("single and equal answers are not asked but counted") {
  AnswerGroups all;
  for (const char* line : {"{\"id\":\"a/0\",\"group\":\"a\",\"prompt\":\"p\",\"response\":\"x\"}",
                           "{\"id\":\"b/0\",\"group\":\"b\",\"prompt\":\"p\",\"response\":\"x\"}",
                           "{\"id\":\"b/1\",\"group\":\"b\",\"prompt\":\"p\",\"response\":\"x\"}"}) {
    all.add(Record::parse(line, "in"), "");
  }
  LabelCounts counts;
  CHECK(make_questions(all.sorted(), true, 0, counts).empty());
  CHECK(counts.single == 1);
  CHECK(counts.equal == 1);
}

TEST_CASE("left and right choose what stood there; ties and skips go to the notes") {
  const auto groups = some_groups(4, 2);
  LabelCounts counts;
  const auto questions = make_questions(groups, false, 3, counts);
  const std::string path = fresh_path();
  CHECK(play(questions, path, "lrts"));
  std::istringstream lines(content(path));
  std::string line;
  for (int i = 0; i < 2; ++i) {
    REQUIRE(std::getline(lines, line));
    const Record record = Record::parse(line, path);
    const Question& q = questions[static_cast<std::size_t>(i)];
    const auto& answers = q.group->answers;
    CHECK(record.text("id") == q.id);
    CHECK(record.text("chosen") == answers[i == 0 ? q.left : q.right].text("response"));
    CHECK(record.text("rejected") == answers[i == 0 ? q.right : q.left].text("response"));
    CHECK(record.text("labeler") == "me");
  }
  CHECK(!std::getline(lines, line));
  CHECK(content(path + ".notes") ==
        "{\"schema\":\"label-note/1\",\"id\":\"g2/0-1\",\"decision\":\"tie\"}\n"
        "{\"schema\":\"label-note/1\",\"id\":\"g3/0-1\",\"decision\":\"skip\"}\n");
}

TEST_CASE("wherever a session stops, it goes on there, to the same bytes") {
  const auto groups = some_groups(5, 3);
  LabelCounts counts;
  const auto questions = make_questions(groups, true, 3, counts);
  const std::string keys = "lrtslrllrtslrrl", whole = fresh_path();
  REQUIRE(questions.size() == keys.size());
  CHECK(play(questions, whole, keys));
  for (std::size_t cut = 0; cut < keys.size(); ++cut) {
    const std::string path = fresh_path();
    CHECK(!play(questions, path, keys.substr(0, cut)));
    CHECK(play(questions, path, keys.substr(cut)));
    CHECK(content(path) == content(whole));
    CHECK(content(path + ".notes") == content(whole + ".notes"));
  }
}

TEST_CASE("an undo takes back the decision before, of any kind, also one of an earlier session") {
  const auto groups = some_groups(3, 2);
  LabelCounts counts;
  const auto questions = make_questions(groups, false, 3, counts);
  const std::string plain = fresh_path();
  CHECK(play(questions, plain, "lrt"));
  for (const char* keys : {"lluurruulrt", "lsurt", "ulrt", "uulrsut", "lrtuurt", "lrsut"}) {
    CAPTURE(keys);
    const std::string path = fresh_path();
    CHECK(play(questions, path, keys));
    CHECK(content(path) == content(plain));
    CHECK(content(path + ".notes") == content(plain + ".notes"));
  }
  const std::string path = fresh_path();
  CHECK(!play(questions, path, "lsq"));
  std::string asked;
  CHECK(play(questions, path, "urt", &asked));
  CHECK(asked == "g2/0-1 g1/0-1 g2/0-1 ");
  CHECK(content(path) == content(plain));
  CHECK(content(path + ".notes") == content(plain + ".notes"));
}

TEST_CASE("an undo finds its line among others") {
  const auto groups = some_groups(3, 2);
  LabelCounts counts;
  auto questions = make_questions(groups, false, 3, counts);
  const std::string path = fresh_path();
  CHECK(play(questions, path, "lll"));
  std::swap(questions[0], questions[2]);  // the file's last decision is the first question now
  questions.pop_back();
  LabelJournal journal(path);
  journal.remove("g1/0-1");
  CHECK(!journal.has("g1/0-1"));
  CHECK(journal.has("g0/0-1"));
  CHECK(journal.has("g2/0-1"));
  const std::string text = content(path);
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
}

TEST_CASE("a line cut off by a crash is dropped and its pair asked again") {
  const auto groups = some_groups(2, 2);
  LabelCounts counts;
  const auto questions = make_questions(groups, false, 3, counts);
  const std::string whole = fresh_path();
  CHECK(play(questions, whole, "lr"));
  const std::string text = content(whole);
  const std::size_t first = text.find('\n') + 1;
  for (std::size_t cut = first + 1; cut < text.size(); cut += 7) {
    const std::string path = fresh_path();
    std::ofstream(path) << text.substr(0, cut);
    CHECK(LabelJournal(path).repaired());
    CHECK(!LabelJournal(path).repaired());
    std::string asked;
    CHECK(play(questions, path, "r", &asked));
    CHECK(asked == "g1/0-1 ");
    CHECK(content(path) == text);
  }
}

TEST_CASE("a file that is no journal is left as it is") {
  for (const char* text : {"hello\n", "hello", "{\"schema\":\"trajectory/1\",\"id\":\"x\"}\n", "{\"id\":\"x\"}\n"}) {
    CAPTURE(text);
    const std::string path = fresh_path();
    std::ofstream(path) << text;
    try {
      LabelJournal journal(path);
      FAIL("accepted");
    } catch (const Error& e) {
      CHECK(e.status() == Exit::kCannotCreate);
    }
    CHECK(content(path) == text);
  }
  CHECK_THROWS_AS(LabelJournal("/nonexistent/x.jsonl"), Error);
}
