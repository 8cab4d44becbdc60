// The scripts and styles of pages: lib/page/NAME.js and NAME.css, which the Makefile turns into these.
#pragma once

#include <string_view>

namespace nudge::assets {

extern const std::string_view colours_css, page_css, page_js, chart_css, labelling_css, labelling_js, report_css,
    report_js, viewer_css, viewer_js, viewer_list_js;

}  // namespace nudge::assets
