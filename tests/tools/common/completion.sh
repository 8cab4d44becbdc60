# What bash completes with the scripts of --completion bash.
needs bash

# offered PROGRAM WORD...: what is offered for the last word, a line each.
offered() {
  (cd "$place" && exec bash -c '
    eval "$("$1" --completion bash)"
    f=$(complete -p "$1" | sed "s/.*-F //; s/ .*//")
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    "$f"
    [ "${#COMPREPLY[@]}" = 0 ] || printf "%s\n" "${COMPREPLY[@]}"' bash "$@")
}
offers() {  # EXPECTED PROGRAM WORD...: exactly these, in any order
  expected=$1
  shift
  found=$(offered "$@" | sort | tr '\n' ' ')
  [ "$found" = "$expected" ] || { echo "offered for $*: $found"; return 1; }
}
place=$PWD/place
mkdir place place/folder 'place/folder/in it' && touch 'place/file one' place/file.jsonl

options() {  # all long names of the help, and none else
  "$1" --help | sed -n 's/^  \(-., \|    \)\(--[a-z0-9-]*\).*/\2/p' | sort > named
  [ "$(wc -l < named)" -ge 10 ]
  offered "$1" -- | sort | cmp - named
  offers '--version ' "$1" --versi
}
choices() {  # the words of each option that has some
  "$1" --help | sed -n 's/^  \(-., \|    \)\(--[a-z0-9-]*\) \([a-z0-9_-]*|[^ ]*\).*/\2 \3/p' > named
  while read -r option words; do
    offers "$(echo "$words" | tr '|' '\n' | sort | tr '\n' ' ')" "$1" "$option" ''
    offers "$(echo "$words" | tr '|' '\n' | sort | tr '\n' ' ')" "$1" "$option" =
  done < named
  offers 'bash zsh ' "$1" --completion ''
}
files() {
  offers "file one file.jsonl folder " "$1" ''
  offers "file one " "$1" 'file '
  offers 'folder/in it ' "$1" folder/
  offers "file one file.jsonl folder " "$1" --quiet ''
}
for p in $(programs); do
  sh -c "$p --completion bash" | bash -n
  ok "$p: its options are completed" options "$p"
  ok "$p: the words of an option are completed" choices "$p"
  ok "$p: files are completed" files "$p"
done

values() {
  offers 'folder ' rollout --policy ''
  offers 'folder ' rollout --policy = f
  offers 'file one file.jsonl folder ' rollout -o ''
  offers 'file one file.jsonl folder ' sft-train --held-out ''
  offers 'bf16 ' rollout --dtype b
  offers 'bf16 ' rollout --dtype = b
  offers '' rollout --dtype x
  for option in -n --seed --shard --temperature; do offers '' rollout $option ''; done
}
ok "a value is what its option takes: a folder, a file, a word, or nothing known" values
old_name() { offers '--micro-batch-tokens ' score --micro; }
ok "a former name is not offered" old_name
misuse() {
  expect_status 64 rollout --completion fish
  expect_misuse
  expect_stderr "^rollout: error: --completion: 'fish' is not bash or zsh$"
  expect_status 74 sh -c 'rollout --completion zsh > /dev/full'
}
ok "--completion is for bash and zsh" misuse
