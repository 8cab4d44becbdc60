# Runs the examples of --help, unchanged.
. "$ROOT/tests/tools/docs/set.inc"

# Examples of a program, each into a file PROGRAM-N.
examples() {
  "$1" --help | awk -v name="$1" '
    /^Example: / { out = name "-" ++n; printf "" > out; getline; next }
    out != "" && /^  / { print substr($0, 3) > out; next }
    /^$/ { out = "" }'
}
asks_a_human() {  # at a terminal, who leaves at once: nothing is decided, and what is there is saved
  cp set/trajectories.jsonl.zst .
  on_terminal bash "$1" > screen && return 1
  [ $? = 75 ] || { cat screen; return 1; }
  [ -e pairs.jsonl ]
}
for p in $(programs); do
  examples "$p"
  [ -s "$p-1" ] || { echo "$p has no example"; exit 1; }
  for example in "$p"-[0-9]*; do
    case $(cat "$example") in
      'label -o '*) ok "$p: \"$(cat "$example")\" asks" asks_a_human "$example" ;;
      *) ok "$p: example ${example##*-} runs" in_set "$PWD/$example" ;;
    esac
  done
done
