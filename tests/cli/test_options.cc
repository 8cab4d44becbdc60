#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/cli/command_line.h"
#include "lib/cli/option.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

struct Line {
  std::deque<Option> options;
  template <class T>
  Option& add(const std::string& names, T& value) {
    return options.emplace_back(names, "Options", "help", bind_option(value));
  }
  Requests read(std::vector<const char*> words) {
    words.insert(words.begin(), "prog");
    return read_command_line(options, static_cast<int>(words.size()), words.data());
  }
  // The message of the usage error that reading ends in, with its advice after " / ".
  std::string fault(std::vector<const char*> words) {
    try {
      read(std::move(words));
    } catch (const Error& e) {
      CHECK(e.status() == Exit::kUsage);
      return e.what() + (e.advice().empty() ? "" : " / " + e.advice());
    }
    return "none";
  }
};

}  // namespace

TEST_CASE("every type of option is read from its long and its short name") {
  Line line;
  std::string text = "a";
  int i = 1;
  std::int64_t n = 2;
  std::uint64_t u = 3;
  float f = 0.5f;
  double d = 0.25;
  bool flag = false;
  line.add("-t,--text", text), line.add("-i,--int", i), line.add("--long", n), line.add("--unsigned", u);
  line.add("-f,--float", f), line.add("--double", d), line.add("-b,--flag", flag);
  line.read({"-t", "x y", "-i-7", "--long=-9223372036854775808", "--unsigned", "18446744073709551615", "-f", "1e-3",
             "--double=2.5e10", "-b"});
  CHECK(text == "x y");
  CHECK(i == -7);
  CHECK(n == INT64_MIN);
  CHECK(u == UINT64_MAX);
  CHECK(f == 1e-3f);
  CHECK(d == 2.5e10);
  CHECK(flag);
}

TEST_CASE("what is not given keeps its default") {
  Line line;
  int i = 17;
  std::optional<std::string> x;
  bool flag = false;
  line.add("-i", i), line.add("--x", x), line.add("--flag", flag);
  line.read({});
  CHECK(i == 17);
  CHECK(!x);
  CHECK(!flag);
  CHECK(!line.options[0].given());
}

TEST_CASE("an optional holds what was given, be it empty") {
  Line line;
  std::optional<std::string> s;
  std::optional<std::int64_t> n;
  line.add("--s", s), line.add("--n", n);
  line.read({"--s", "", "--n", "-3"});
  CHECK(s == std::optional<std::string>(""));
  CHECK(n == std::optional<std::int64_t>(-3));
}

TEST_CASE("the last of two occurrences wins") {
  Line line;
  int i = 0;
  bool flag = false;
  line.add("--i", i), line.add("--flag", flag);
  line.read({"--i", "1", "--i=2", "--flag", "--flag=false"});
  CHECK(i == 2);
  CHECK(!flag);
}

TEST_CASE("a flag whose variable begins as true sets it to false") {
  Line line;
  bool whiten = true;
  line.add("--no-whiten", whiten);
  CHECK(line.options[0].value() == std::optional<std::string>("false"));
  line.read({"--no-whiten"});
  CHECK(!whiten);
  CHECK(line.options[0].value() == std::optional<std::string>("true"));
}

TEST_CASE("a repeated option replaces its default and takes one value an occurrence, brackets and braces too") {
  Line line;
  std::vector<std::string> stops = {"default"}, files;
  line.add("--stop", stops);
  line.add("FILE", files);
  line.read({"--stop", "[END]", "one", "--stop", "[a,b]", "two", "--stop={}"});
  CHECK(stops == std::vector<std::string>{"[END]", "[a,b]", "{}"});
  CHECK(files == std::vector<std::string>{"one", "two"});
}

TEST_CASE("a single value may be braces, empty, a dash or look like an option") {
  Line line;
  std::string text = "default";
  line.add("-t,--text", text);
  for (const char* word : {"{}", "", "-", "[x]", "a=b", "%%", "ünï"}) {
    line.read({"--text", word});
    CHECK(text == word);
  }
  line.read({"--text=--text"});
  CHECK(text == "--text");
}

TEST_CASE("positionals keep their order; - is one; after -- all are") {
  Line line;
  std::vector<std::string> files;
  bool flag = false;
  line.add("FILE", files), line.add("--flag", flag);
  line.read({"b", "-", "--flag", "a", "--", "--flag", "-x"});
  CHECK(files == std::vector<std::string>{"b", "-", "a", "--flag", "-x"});
  CHECK(flag);
}

TEST_CASE("a single positional takes one argument and the second is misuse") {
  Line line;
  std::string file;
  line.add("FILE", file);
  CHECK(line.fault({"one", "two"}) == "unexpected argument 'two'");
  CHECK(file == "one");
}

TEST_CASE("files may be named in brackets or braces") {
  Line line;
  std::vector<std::string> files;
  line.add("FILE", files);
  line.read({"[a,b]", "{}", "--", "--", "%%"});
  CHECK(files == std::vector<std::string>{"[a,b]", "{}", "--", "%%"});
}

TEST_CASE("numbers are strict") {
  Line line;
  int i = 0;
  std::uint64_t u = 0;
  float f = 0;
  double d = 0;
  line.add("--i", i), line.add("--u", u), line.add("--f", f), line.add("--d", d);
  CHECK(line.fault({"--i", "x"}) == "--i: 'x' is not a whole number");
  CHECK(line.fault({"--i", ""}) == "--i: '' is not a whole number");
  CHECK(line.fault({"--i", "1.5"}) == "--i: '1.5' is not a whole number");
  CHECK(line.fault({"--i", "1 "}) == "--i: '1 ' is not a whole number");
  CHECK(line.fault({"--i", " 1"}) == "--i: ' 1' is not a whole number");
  CHECK(line.fault({"--i", "0x10"}) == "--i: '0x10' is not a whole number");
  CHECK(line.fault({"--i", "2147483648"}) == "--i: '2147483648' is beyond the range of its type");
  CHECK(line.fault({"--u", "-1"}) == "--u: '-1' is not a whole number from 0");
  CHECK(line.fault({"--u", "18446744073709551616"}) == "--u: '18446744073709551616' is beyond the range of its type");
  CHECK(line.fault({"--f", "1e39"}) == "--f: '1e39' is beyond the range of its type");
  CHECK(line.fault({"--d", "nan"}) == "--d: 'nan' is not a number");
  CHECK(line.fault({"--d", "inf"}) == "--d: 'inf' is not a number");
  CHECK(line.fault({"--d", "1,5"}) == "--d: '1,5' is not a number");
}

TEST_CASE("inclusive bounds hold their ends and exclusive ones do not") {
  Line line;
  double x = 0;
  std::int64_t n = 1;
  line.add("--x", x).above(0).at_most(2);
  line.add("-n", n).at_least(1).below(4);
  line.read({"--x", "2", "-n", "1"});
  line.read({"--x", "1e-300", "-n", "3"});
  CHECK(line.fault({"--x", "0"}) == "--x: 0 is out of bounds: 0 < X <= 2");
  CHECK(line.fault({"--x", "2.0000001"}) == "--x: 2.0000001 is out of bounds: 0 < X <= 2");
  CHECK(line.fault({"-n", "0"}) == "-n: 0 is out of bounds: 1 <= N < 4");
  CHECK(line.fault({"-n4"}) == "-n: 4 is out of bounds: 1 <= N < 4");
}

TEST_CASE("a float's bounds are compared with the number as written") {
  Line line;
  float f = 0;
  line.add("--f", f).at_most(0.1);
  CHECK(line.fault({"--f", "0.1"}) == "none");  // 0.1f is larger than 0.1
  CHECK(f == 0.1f);
}

TEST_CASE("one bound alone is shown alone, and large whole bounds in full") {
  double x = 0;
  std::uint64_t seed = 0;
  CHECK(Option("--x", "", "", bind_option(x)).at_least(0).bounds() == "0 <= X");
  CHECK(Option("--x", "", "", bind_option(x)).below(1).bounds() == "X < 1");
  CHECK(Option("--x", "", "", bind_option(x)).bounds() == "");
  CHECK(Option("--s", "", "", bind_option(seed)).at_most(9007199254740991.0).bounds() == "N <= 9007199254740991");
}

TEST_CASE("a choice takes its words alone") {
  Line line;
  std::string word = "clip";
  line.add("--objective", word).one_of({"clip", "kl", "is"});
  line.read({"--objective", "kl"});
  CHECK(word == "kl");
  CHECK(line.fault({"--objective", "Clip"}) == "--objective: 'Clip' is not clip, kl or is");
  CHECK(line.options[0].value_name() == "clip|kl|is");
}

TEST_CASE("required options and combinations are enforced") {
  Line line;
  std::string policy;
  bool a = false, b = false, c = false;
  line.add("--policy", policy).required();
  line.add("--a", a).excludes("--b");
  line.add("--b", b);
  line.add("--c", c).needs("--a");
  CHECK(line.fault({}) == "--policy is required");
  CHECK(line.fault({"--policy", "p", "--a", "--b"}) == "--a and --b exclude each other");
  Line fresh;
  fresh.add("--c", c).needs("--a"), fresh.add("--a", a);
  CHECK(fresh.fault({"--c"}) == "--c needs --a");
  CHECK(fresh.fault({"--c", "--a"}) == "none");
}

TEST_CASE("unknown options name their nearest neighbour") {
  Line line;
  double t = 1;
  line.add("--temperature", t);
  CHECK(line.fault({"--temprature", "1"}) ==
        "unknown option --temprature / did you mean --temperature? --help lists the options");
  CHECK(line.fault({"--temprature=1"}) ==
        "unknown option --temprature / did you mean --temperature? --help lists the options");
  CHECK(line.fault({"--utterly-different-thing"}) == "unknown option --utterly-different-thing");
  CHECK(line.fault({"-%"}).find("unknown option -%") == 0);
  CHECK(line.fault({"stray"}) == "unexpected argument 'stray'");
}

TEST_CASE("a missing value and a value for a flag are misuse") {
  Line line;
  int i = 0;
  bool flag = false;
  line.add("--count", i), line.add("--flag", flag);
  CHECK(line.fault({"--count"}) == "--count needs a value");
  CHECK(line.fault({"--flag=maybe"}).find("--flag") == 0);
}

TEST_CASE("requests for help are granted however wrong the rest is") {
  Line line;
  int i = 0;
  line.add("--count", i).required().at_least(1);
  CHECK(line.read({"--bogus", "--help"}).help);
  CHECK(line.read({"-h"}).help);
  CHECK(line.read({"--count", "0", "--man"}).man);
  CHECK(line.read({"--version"}).version);
}

TEST_CASE("the nearest name is found by edit distance") {
  CHECK(nearest_name("--sed", {"--seed", "--shard"}) == "--seed");
  CHECK(nearest_name("--shrad", {"--seed", "--shard"}) == "--shard");
  CHECK(nearest_name("--qqqq", {"--seed", "--shard"}) == "");
}

TEST_CASE("numbers are written in their shortest form") {
  CHECK(number_text(0.1f) == "0.1");
  CHECK(number_text(0.1) == "0.1");
  CHECK(number_text(1.0 / 3) == "0.3333333333333333");
  CHECK(number_text(-0.0) == "-0");
}

TEST_CASE("an option is still read by its former name, and errors name the new one") {
  Line line;
  std::int64_t n = 1;
  line.add("--tokens", n).at_least(1).neutral().formerly("--micro");
  line.read({"--micro", "7"});
  CHECK(n == 7);
  CHECK(line.options[0].given());
  line.read({"--micro=8", "--tokens", "9"});
  CHECK(n == 9);
  CHECK(line.fault({"--micro", "0"}) == "--tokens: 0 is out of bounds: 1 <= N");
  CHECK(line.fault({"--micro"}) == "--tokens needs a value");
  CHECK(line.fault({"--tokns", "1"}) == "unknown option --tokns / did you mean --tokens? --help lists the options");
}

TEST_CASE("an option that takes words takes all up to the next option") {
  Line line;
  std::vector<std::string> runs, files;
  bool flag = false;
  line.add("--run", runs).takes_words(), line.add("--flag", flag), line.add("FILE", files);
  line.read({"--run", "a=[1]*", "b", "--run=c=d", "-", "--flag", "file", "--", "--run"});
  CHECK(runs == std::vector<std::string>{"a=[1]*", "b", "c=d", "-"});
  CHECK(flag);
  CHECK(files == std::vector<std::string>{"file", "--run"});
  CHECK(line.fault({"--run"}) == "--run needs a value");
}
