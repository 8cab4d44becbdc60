#!/bin/sh
# Installs what building and testing need and the machine lacks. Debian and its kin by apt; elsewhere
# it names what to install.
# usage: tests/deps.sh [PACKAGE...]   (what a target needs beyond that)
set -eu
# For building: up to libopenmpi-dev, without which there is no --ranks. For the tests, the demo and the documents'
# examples: mpirun; zstd and jq beside the programs; man-db and mandoc to judge the man pages; strace to let the system
# refuse a write; column (bsdextrautils) for the demo's table; bubblewrap and perl for the recipe that runs code.
# Essential packages, such as bsdutils with script(1), aren't named.
packages='g++ make pkg-config libeigen3-dev libsimdjson-dev libcli11-dev doctest-dev libzstd-dev
libpcre2-dev libutf8proc-dev libxxhash-dev libopenmpi-dev openmpi-bin zstd jq man-db mandoc strace bsdextrautils
bubblewrap perl'
programs='pkg-config zstd jq man mandoc strace column script'
packages="$packages $*"
missing=

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  for p in $programs; do command -v "$p" >/dev/null || missing="$missing $p"; done
  # Not every doctest brings a .pc file: its header is asked for.
  [ -z "$missing" ] && pkg-config --exists eigen3 simdjson CLI11 libzstd libpcre2-8 libutf8proc libxxhash &&
    echo '#include <doctest/doctest.h>' |
      ${CXX:-g++} $(pkg-config --cflags doctest 2>/dev/null) -E -x c++ - >/dev/null 2>&1 && exit 0
  echo "make deps: no apt here; install (in Debian's names):" $packages >&2
  exit 1
fi
for p in $packages; do
  case $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) in
    installed) ;;
    *) missing="$missing $p" ;;
  esac
done
[ -n "$missing" ] || exit 0
echo "make deps: installing$missing"
as_root=
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null; then as_root=sudo
  else echo "make deps: neither root nor sudo here; install:$missing" >&2; exit 1; fi
fi
$as_root apt-get update -qq
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing
