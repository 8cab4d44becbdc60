# The functions of --completion zsh, as zsh reads them.
needs zsh
syntax() { "$1" --completion zsh > "_$1"; zsh -n "_$1"; }
specs() {  # each option of the help has its argument of _arguments, with what it takes
  "$1" --completion zsh > function
  for option in $("$1" --help | sed -n 's/^  \(-., \|    \)\(--[a-z0-9-]*\).*/\2/p'); do
    grep -Eq -- "[ ,{')*]$option(=|\[|[,}]|=})" function || { echo "$option is missing"; return 1; }
  done
}
for p in $(programs); do
  ok "$p: zsh reads it" syntax "$p"
  ok "$p: it has every option" specs "$p"
done
