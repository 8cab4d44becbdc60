#include "lib/run/label_merge.h"

#include <algorithm>
#include <filesystem>

#include "lib/report/estimate.h"

namespace nudge {
namespace {

constexpr std::string_view kNotes = ".notes";

std::string file_of_record(const Record& record) { return record.where().substr(0, record.where().rfind(": record ")); }

bool is_empty_file(const std::string& path) {
  std::error_code none;
  return std::filesystem::is_regular_file(path, none) && std::filesystem::file_size(path, none) == 0;
}

}  // namespace

std::vector<std::string> with_notes(const std::vector<std::string>& files) {
  std::vector<std::string> all;
  for (const std::string& file : files) {
    const std::string journal = file.ends_with(kNotes) ? file.substr(0, file.size() - kNotes.size()) : "";
    if (!journal.empty() && std::find(files.begin(), files.end(), journal) != files.end()) continue;
    const std::string notes = file + std::string(kNotes);
    if (std::error_code none; !std::filesystem::is_regular_file(notes, none)) {
      all.push_back(file);
      continue;
    }
    for (const std::string& one : {file, notes})
      if (!is_empty_file(one)) all.push_back(one);
  }
  return all.empty() ? files : all;  // none would be stdin
}

void VoteReader::add(const Record& record) {
  if (const auto judge = record.find_text("labeler")) judges_[file_of_record(record)].insert(*judge);
  votes_.add(record, journal_of(record));
}

std::string VoteReader::journal_of(const Record& note) const {
  const std::string file = file_of_record(note);
  if (!file.ends_with(kNotes)) return "";
  const auto found = judges_.find(file.substr(0, file.size() - kNotes.size()));
  return found == judges_.end() || found->second.size() != 1 ? "" : *found->second.begin();
}

std::string tell_agreement(const Votes& votes, Metrics& metrics) {
  const std::size_t judges = votes.judges().size();
  metrics.set("label/judges", static_cast<double>(judges));
  if (judges < 2) return "";
  const Agreement a = agreement_of(votes);
  metrics.set("label/agreement", a.observed);
  metrics.set("label/kappa", a.kappa);
  metrics.set("label/kappa_error", a.standard_error);
  metrics.set("label/kappa_pairs", static_cast<double>(a.pairs));
  const std::string name = judges == 2 ? "Cohen's kappa " : "Fleiss' kappa ";
  return name + figure_text(Estimate{a.kappa, a.standard_error}) + " of " + std::to_string(a.pairs) +
         (a.pairs == 1 ? " pair" : " pairs") + ", agreement " + figure_text(Estimate{a.observed, std::nullopt});
}

std::string tell_wins(const std::vector<Wins>& wins, const std::vector<std::string>& against, Metrics& metrics) {
  SequenceValues values;
  for (const Wins& of_prompt : wins)
    if (!of_prompt.empty()) values.append(of_prompt);
  const Estimate rate = estimate(values, identity).per_token;
  metrics.set("label/wins", rate.mean);
  metrics.set("label/wins_error", rate.standard_error);
  metrics.set("label/judgements", static_cast<double>(values.tokens()));
  const std::string more = against.size() > 1 ? " and " + std::to_string(against.size() - 1) + " more" : "";
  return "wins " + figure_text(rate) + " of " + std::to_string(values.tokens()) +
         (values.tokens() == 1 ? " judgement" : " judgements") + " against " + against.at(0) + more;
}

}  // namespace nudge
