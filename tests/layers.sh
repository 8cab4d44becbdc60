#!/bin/sh
# A file includes its own folder or a lower layer. Layers, bottom to top:
#   lib/base | lib/kernels lib/io lib/cli (strangers) | lib/text lib/page (strangers) | lib/model | lib/rl
#   | lib/report lib/label (strangers) | lib/run | tools
set -eu
status=0
allowed() {  # the folders that a folder may include
  case $1 in
    lib/base) echo lib/base ;;
    lib/kernels) echo lib/base lib/kernels ;;
    lib/io) echo lib/base lib/io ;;
    lib/cli) echo lib/base lib/cli ;;
    lib/text) echo lib/base lib/kernels lib/io lib/text ;;
    lib/page) echo lib/base lib/io lib/page ;;
    lib/model) echo lib/base lib/kernels lib/io lib/text lib/model ;;
    lib/rl) echo lib/base lib/kernels lib/io lib/text lib/model lib/rl ;;
    lib/report) echo lib/base lib/kernels lib/io lib/text lib/page lib/model lib/rl lib/report ;;
    lib/label) echo lib/base lib/kernels lib/io lib/text lib/page lib/model lib/rl lib/label ;;
    lib/run | tools)
      echo lib/base lib/kernels lib/io lib/cli lib/text lib/page lib/model lib/rl lib/report lib/label lib/run ;;
    *) echo ;;
  esac
}
check() {  # file folder [prefix of the includes that are looked at]
  sed -n "s|^#include \"\\(${3-}[^\"]*\\)\".*|\\1|p" "$1" | while read -r included; do
    case " $(allowed "$2") " in
      *" ${included%/*} "*) ;;
      *) echo "check-layers: $1 includes $included, which is not in a layer below $2"; exit 1 ;;
    esac
  done
}
for file in lib/*/*.cc lib/*/*.h tools/*.cc; do
  [ -e "$file" ] || continue
  check "$file" "${file%/*}" || status=1
done
# Tests of a folder include what that folder may.
for folder in lib/*; do
  for file in tests/"${folder#lib/}"/*.cc tests/"${folder#lib/}"/*.h; do
    [ -e "$file" ] || continue
    check "$file" "$folder" lib/ || status=1
  done
done
# Kernels compiled per level may share no inline function with another level.
for file in lib/kernels/*; do
  [ "$file" = lib/kernels/dispatch.cc ] && continue
  if grep -nE '^#include <(Eigen|[a-z_]+)>' "$file" | grep -v 'immintrin'; then
    echo "check-layers: $file includes the standard library's templates or Eigen"; status=1
  fi
done
# Other folders read JSON through JsonReader and Record.
if grep -n 'simdjson::dom' lib/*/*.cc lib/*/*.h tools/*.cc | grep -v '^lib/io/'; then
  echo "check-layers: only lib/io parses JSON"; status=1
fi
for file in tools/*.cc; do
  [ -e "$file" ] || continue
  if grep -nE '\b(std::)?(exp|log|sqrt|pow|tanh)f? *\(' "$file"; then
    echo "check-layers: $file holds mathematics"; status=1
  fi
done
exit $status
