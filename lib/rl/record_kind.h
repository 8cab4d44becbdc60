// What to do about a record that isn't of the kind that a program reads: one in the layout of others, or for another of
// our programs.
#pragma once

#include <string>

#include "lib/io/record.h"

namespace nudge {

enum class RecordKind { kPrompt, kExample, kPreference, kTrajectory };

// By the fields that the record has: the line of jq that makes it one of the kind, or the program that does; else
// `otherwise`, or where that is "", which fields to name. `reader`: the program that wants it. `missing`: the field
// that it missed.
std::string advice_on_record(const Record& record, RecordKind wanted, const std::string& reader,
                             const std::string& missing = {}, const std::string& otherwise = {});
// The line of jq alone, "" where the fields are of no layout that is known.
std::string line_to_record(const Record& record, RecordKind wanted, const std::string& reader);

// For label --by.
std::string advice_on_figure(const Record& record, const std::string& figure);

// Calls `read`, whose MissingField gets that advice, unless it has a better one.
template <class F>
auto read_as(RecordKind wanted, const std::string& reader, const Record& record, F read) {
  try {
    return read();
  } catch (const MissingField& e) {
    if (!e.advice().empty() && !record.is_null(e.key())) throw;
    throw MissingField(e.what(), e.key(), advice_on_record(record, wanted, reader, e.key(), e.advice()));
  }
}

}  // namespace nudge
