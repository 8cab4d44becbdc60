#include <doctest/doctest.h>

#include <string>

#include "lib/page/html.h"

using namespace nudge;

TEST_CASE("Escaped text can't leave its place") {
  CHECK(escaped("a < b & \"c\" 'd' > e") == "a &lt; b &amp; &quot;c&quot; &#39;d&#39; &gt; e");
  CHECK(escaped("</script><b>") == "&lt;/script&gt;&lt;b&gt;");
  CHECK(escaped("line\nand\ttab") == "line\nand\ttab");
  CHECK(escaped("\x1b[31m\x7f\xc2\x9b") == "\\x1b[31m\\x7f\\x9b");
  CHECK(escaped("\xff") == "\\xff");
  CHECK(escaped("b\xC3\xA4r \xE2\x82\xAC") == "b\xC3\xA4r \xE2\x82\xAC");
}

TEST_CASE("Characters that reorder a line are shown") {
  CHECK(escaped("a\xE2\x80\xAE"
                "b") == "a\\u202eb");
  CHECK(escaped("\xE2\x80\xAA\xE2\x81\xA6\xE2\x81\xA9") == "\\u202a\\u2066\\u2069");
  CHECK(escaped("\xE2\x80\xA9\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA") ==
        "\xE2\x80\xA9\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA");
}

TEST_CASE("Embedded JSON has the same value and can't close its element") {
  CHECK(embedded_json(R"({"a":"</script><!--&"})") == R"({"a":"\u003c/script\u003e\u003c!--\u0026"})");
}

TEST_CASE("A page is whole, fetches nothing, and holds what it was given") {
  const std::string html = page_html(
      {.title = "<t>", .body = "<p>body</p>\n", .data = R"({"x":"</script>"})", .style = "i{}", .script = "f();"});
  CHECK(html.starts_with("<!DOCTYPE html>\n"));
  CHECK(html.ends_with("</html>\n"));
  for (const char* part : {"<title>&lt;t&gt;</title>", "default-src 'none'", "<p>body</p>", "i{}", "f();", "--paper",
                           R"(id="data">{"x":"\u003c/script\u003e"}</script>)"})
    CHECK_MESSAGE(html.find(part) != std::string::npos, part);
  for (const char* fetched : {"http:", "https:", "src=", "@import", "url("})
    CHECK_MESSAGE(html.find(fetched) == std::string::npos, fetched);
  const std::string plain = page_html({.title = "t", .body = "b", .data = "", .style = "", .script = ""});
  CHECK(plain.find("<script") == std::string::npos);
}
