# The blocks marked sh of docs/data.md, each into a file of its own, TO/SECTION-N.sh: awk -v to=FOLDER -f blocks.awk FILE.
/^##+ / && !open { section = $0; sub(/^#+ /, "", section); n = 0 }
/^```/ {
  open = !open
  if (open && $0 == "```sh") { out = to "/" section "-" ++n ".sh"; printf "" > out } else { close(out); out = "" }
  next
}
out != "" { print > out }
