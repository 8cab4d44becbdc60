# One source of several tests, which then parse their headers once. Each file's own part is put into a namespace of its
# own, so that two tests may give their helpers the same name; includes stand outside.
# usage: awk -f tests/unity.awk tests/ROOM/test_*.cc > UNITY.cc
FNR == 1 {
  if (NR > 1) print "}"
  includes = 1
  printf "#line 1 \"%s\"\n", FILENAME
}
includes && !/^(#include .*|#pragma .*|\/\/.*|)$/ { includes = 0; printf "namespace test_%d {\n#line %d \"%s\"\n", ++files, FNR, FILENAME }
{ print }
END { print "}" }
