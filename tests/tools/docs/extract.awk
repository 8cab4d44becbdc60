# Fenced code blocks of a Markdown document, each into a file of its own: awk -v to=FOLDER/NAME -f extract.awk FILE.
# A block marked sh goes to NAME-N.sh, one marked console to NAME-N.console; N is the line where it begins. Any other
# mark, or none, or a fence that isn't closed, is an error: nothing that looks like commands may go unseen. Of C++ there
# is library.md's program, which tests/tools/make/install.sh builds.
/^```/ {
  if (out != "") { close(out); out = ""; next }
  mark = substr($0, 4)
  if (mark != "sh" && mark != "console" && !(mark == "cpp" && FILENAME ~ /library.md$/)) {
    printf "%s:%d: a block marked \"%s\"\n", FILENAME, FNR, mark
    bad = 1
  }
  out = to "-" FNR "." (mark == "" ? "none" : mark)
  printf "" > out
  next
}
out != "" { print > out }
END {
  if (out != "") { printf "%s: the last block is not closed\n", FILENAME; bad = 1 }
  exit bad
}
