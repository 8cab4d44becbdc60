#include <sys/wait.h>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "lib/cli/exit_table.h"
#include "lib/cli/tool.h"
#include "tests/cli/capture.h"
#include "tests/harness/harness.h"

using namespace nudge;
using nudge::test::contains;

namespace {

struct Sample {
  std::vector<std::string> files;
  std::string policy, mode = "fast";
  double temperature = 1;
  std::int64_t samples = 1;
  bool force = false;
  std::vector<std::string> stops;
  Tool tool{{.name = "sample",
             .summary = "draw samples from a policy",
             .description = "Reads prompts.\n\n.Begins with a dot, holds a back\\slash and 'quotes'.",
             .examples = {{"Four answers to each prompt, in a sentence that with its title is too long.",
                           "sample -z --policy p0 |\n  'other' -n 4 > out"}},
             .kernel_level = [] { return std::string("v9"); }}};
  Sample() {
    tool.group("Sampling");
    tool.option("FILE", files, "input, plain or zstd");
    tool.option("--policy", policy, "folder of the policy").placeholder("DIR").required();
    tool.option("--temperature", temperature, "divides the logits").above(0).at_most(10);
    tool.option("-n,--samples", samples, "samples per prompt").at_least(1);
    tool.option("--mode", mode, "how").one_of({"fast", "slow"});
    tool.group("Output");
    tool.option("--force", force, "overwrite; a text that must be wrapped over more than one line of the help");
    tool.option("--stop", stops, "'quoted' text that ends").formerly("--end");
  }
};

}  // namespace

TEST_CASE("help goes to stdout and tells defaults, bounds, choices, groups and the example") {
  Sample s;
  const auto result = test::in_child([&] { return test::run_words(s.tool, {"--help"}); });
  CHECK(result.status == 0);
  CHECK(result.err.empty());
  for (const char* part :
       {"usage: sample [options] [FILE...]\n", "\nArguments:\n  FILE ", "\nSampling:\n", "\nOutput:\n", "\nMessages:\n",
        "      --policy DIR          folder of the policy (required)\n",
        "      --temperature X       divides the logits (default 1; 0 < X <= 10)\n",
        "  -n, --samples N           samples per prompt (default 1; 1 <= N)\n",
        "      --mode fast|slow      how (default fast)\n", "(may be repeated; formerly", " --end)\n", "  -q, --quiet ",
        "\n  sample -z --policy p0 |\n    'other' -n 4 > out\n"}) {
    CAPTURE(part);
    CHECK(contains(result.out, part));
  }
}

TEST_CASE("no line of the help is wider than 80 columns") {
  Sample s;
  const std::string text = help_text(s.tool.about(), s.tool.options());
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    CHECK(end - begin <= 80);
    begin = end + 1;
  }
}

TEST_CASE("text is wrapped at blanks, indented, with paragraphs apart") {
  CHECK(wrap_text("aa bb cc", 0, 5) == "aa bb\ncc");
  CHECK(wrap_text("aa bb cc", 2, 7) == "aa bb\n  cc");
  CHECK(wrap_text("aaaaaaaaaa b", 0, 5) == "aaaaaaaaaa\nb");
  CHECK(wrap_text("a\nb\n\nc", 0, 80) == "a b\n\nc");
  CHECK(wrap_text("", 4, 80) == "");
}

TEST_CASE("the man page has its sections in order and every status") {
  Sample s;
  const auto result = test::in_child([&] { return test::run_words(s.tool, {"--man"}); });
  CHECK(result.status == 0);
  std::size_t at = 0;
  for (const char* section :
       {".TH SAMPLE 1 ", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS", ".SS Sampling", ".SS Output",
        ".SH EXIT STATUS", ".SH ENVIRONMENT", ".SH EXAMPLES", ".SH SEE ALSO"}) {
    CAPTURE(section);
    at = result.out.find(section, at);
    REQUIRE(at != std::string::npos);
  }
  for (const ExitMeaning& row : exit_table()) {
    // 75 is for programs that save their work when they are stopped, which this one does not.
    const bool told = contains(result.out, ".TP\n" + std::to_string(static_cast<int>(row.status)) + "\n");
    CHECK(told == (row.status != Exit::kStopped));
  }
  CHECK(contains(result.out, "divides the logits (default 1; 0 < X <= 10)"));
}

TEST_CASE("text for roff is escaped") {
  CHECK(roff_text("--top-k") == "\\-\\-top\\-k");
  CHECK(roff_text(".x\n'y") == "\\&.x\n\\&\\(aqy");
  CHECK(roff_text("a\\n.b") == "a\\en.b");
}

TEST_CASE("mandoc and man find nothing to complain about in the man page") {
  if (std::system("command -v mandoc >/dev/null 2>&1") != 0) return test::skip("no mandoc");
  Sample s;
  const std::string path = test::scratch_folder() + "/sample.1";
  std::ofstream(path) << man_page(s.tool.about(), s.tool.options());
  const std::string report = test::scratch_folder() + "/lint";
  CHECK(std::system(("mandoc -Tlint -W style '" + path + "' | grep -v 'referenced manual not found' > '" + report +
                     "'; cat '" + report + "'; test ! -s '" + report + "'")
                        .c_str()) == 0);
}

TEST_CASE("version, kernel level and threads are told") {
  Sample s;
  const auto result = test::in_child([&] { return test::run_words(s.tool, {"--version"}); });
  CHECK(result.status == 0);
  CHECK(contains(result.out, "sample (nudge) "));
  CHECK(contains(result.out, "\nkernels: v9\nthreads: "));
  CHECK(test::lines_of(result.out) == 3);
}

TEST_CASE("the kernel level is asked for by --version and -v alone") {
  for (const char* word : {"--help", "--man", "--policy=p"}) {
    Tool tool({.name = "t", .summary = "s", .description = "d", .examples = {}, .kernel_level = []() -> std::string {
                 throw Error(Exit::kInternal, "too old");
               }});
    std::string policy;
    tool.option("--policy", policy, "p");
    CHECK(test::in_child([&] { return test::run_words(tool, {word}); }).status == 0);
  }
}

TEST_CASE("completions are written from the same table") {
  Sample s;
  const auto of = [&](const char* shell) {
    return test::in_child([&] { return test::run_words(s.tool, {"--completion", shell}); });
  };
  const auto bash = of("bash");
  CHECK(bash.status == 0);
  CHECK(contains(bash.out, "\ncomplete -F _nudge_sample sample\n"));
  CHECK(contains(bash.out, "    --mode) what=(-W 'fast slow') ;;\n"));
  CHECK(contains(bash.out, "    --policy | --temperature | -n | --samples | --stop) return ;;\n"));
  const auto zsh = of("zsh");
  CHECK(zsh.status == 0);
  CHECK(zsh.out.find("#compdef sample\n") == 0);
  for (const char* part : {"  '--mode=[how]:fast|slow:(fast slow)' \\\n",
                           "  '(-n --samples)'{-n+,--samples=}'[samples per prompt]:N: ' \\\n",
                           "  '*--stop=['\\''quoted'\\'' text that ends]:TEXT: ' \\\n", "  '*:FILE:_files'\n"}) {
    CAPTURE(part);
    CHECK(contains(zsh.out, part));
  }
  CHECK(!contains(bash.out + zsh.out, "--end"));
  CHECK(of("fish").status == 64);
}
