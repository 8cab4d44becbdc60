// Advice on records of the wrong kind: in another project's layout, or meant for another of our programs.
#pragma once

#include <string>

#include "lib/io/record.h"

namespace nudge {

enum class RecordKind { kPrompt, kExample, kPreference, kTrajectory };

// Judges by the record's fields. Returns the jq line that converts it, or the program that does; else `otherwise`, or
// if that is "", which fields to rename. `reader`: the program that reads it. `missing`: the field it lacks.
std::string advice_on_record(const Record& record, RecordKind wanted, const std::string& reader,
                             const std::string& missing = {}, const std::string& otherwise = {});
// The jq line alone; "" for an unknown layout.
std::string line_to_record(const Record& record, RecordKind wanted, const std::string& reader);

// Where a record lacks the field that label --by compares.
std::string advice_on_compared(const Record& record, const std::string& field);

// Calls `read` and adds that advice to its MissingField, unless it has its own.
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
