#!/bin/bash
# Runs the experiments one after the other and compares the tables that they print with those of their pages, which are the
# same on every machine.
#
# usage: run.sh FOLDER [NAME...]   FOLDER/NAME.txt is what NAME.sh prints, FOLDER/NAME its files and pictures; what is there
#                                  already is not run again
#
# It needs the programs in PATH. Status 1 where one fails or a line of a table is not on its page.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?usage: run.sh FOLDER [NAME...]}
shift
[ $# -gt 0 ] || set -- over-optimisation kl-placement cliff entropy controller first-ratio
mkdir -p "$folder"
cd "$folder"
status=0
for name; do
  [ -f "$here/$name.sh" ] || { echo "run.sh: there is no experiment '$name'" >&2; exit 64; }
  if [ ! -e "$name.txt" ]; then
    rm -rf "${name:?}"
    begin=$SECONDS
    bash "$here/$name.sh" "$name" > "$name.part" 2> "$name.log" || {
      echo "$name: failed, see $folder/$name.log"; status=1; continue; }
    mv "$name.part" "$name.txt"
    echo "$name: $(((SECONDS - begin + 30) / 60)) minutes"
  fi
  grep '^|' "$name.txt" | grep -vxFf "$here/$name.md" > "$name.differs" || { rm "$name.differs"; continue; }
  echo "$name: $(wc -l < "$name.differs") lines are not on its page, see $folder/$name.differs"
  status=1
done
exit $status
