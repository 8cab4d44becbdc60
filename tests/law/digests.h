// The same bits on every machine: what a test has computed is compared with what another machine, compiler or level of
// instructions has found, by digests in tests/law/digests.tsv. Whoever changes an arithmetic (or a test) writes that
// file anew, for each of the two arithmetics, by
//   NUDGE_TEST_DTYPE=f32 NUDGE_TEST_DIGESTS=FILE build/.../test-law
// which appends to FILE instead of comparing.
#pragma once

#include <string>
#include <vector>

namespace nudge::test {

// Asserts it of the running test case's numbers. A case may call it several times, by number, or for subjects with
// names, so that others can be added beside them.
void same_on_every_machine(const std::vector<float>& numbers, const std::string& subject = "");

}  // namespace nudge::test
