# Commands in README.md and docs/*.md: blocks marked sh are run; those marked console must be listed here.
. "$ROOT/tests/tools/docs/set.inc"

pages="$ROOT/README.md $(echo "$ROOT"/docs/*.md) $ROOT/docs/cluster/README.md"
mkdir blocks
extract() {
  for page in $pages; do
    name=$(echo "${page#"$ROOT"/}" | sed 's|^docs/||; s|/|-|g')
    awk -v to="blocks/${name%.md}" -f "$ROOT/tests/tools/docs/extract.awk" "$page"
  done
}
ok "every block of commands is marked sh or console" extract
[ -n "$(find blocks -name 'README-*.sh')" ]
# docs/data.md's are run by data.sh, on samples, docs/recipes.md's by recipes.sh and sandbox.sh, in their order,
# docs/metrics.md's by metrics.sh, docs/textbook.md's by textbook.sh. README.md's run one after the other in an empty
# folder.
in_order() {
  mkdir empty
  # shellcheck disable=SC2046
  cat $(printf '%s\n' blocks/README-*.sh | sort -t - -k 2n) > all.sh
  (cd empty && bash -euo pipefail ../all.sh) > said 2>&1 || { cat said; return 1; }
  for made in p1/critic shorter answers.html; do [ -e "empty/$made" ]; done
  # What the reward model prefers, the rule does.
  zstdcat empty/scored.jsonl.zst | jq -s 'map(select(.response | test("good|fine|warm")).reward) as $kind |
    map(select(.response | test("good|fine|warm") | not).reward) as $other |
    ($kind | add / length) - ($other | add / length) > 1' | grep true
}
ok "README's blocks run one after the other in an empty folder" in_order
# A line that puts the programs in PATH holds in any folder: the scripts enter folders of their own.
paths() {
  grep -hoE 'PATH=.*make.*:[$]PATH' "$ROOT"/docs/*.md "$ROOT"/docs/*/*.md > lines
  make() { echo build/hash; }
  while read -r line; do (eval "$line"; case $PATH in /*) ;; *) echo "relative: $line"; exit 1 ;; esac); done < lines
  [ "$(wc -l < lines)" -ge 3 ]
}
ok "lines that set PATH set whole paths" paths
for block in blocks/*.sh; do
  case ${block#blocks/} in README-* | data-* | metrics-* | recipes-* | textbook-*) continue ;; esac
  ok "${block#blocks/} (its line) runs" in_set "$PWD/$block"
done

# Commands in the documents that no test runs, and why.
cat > known <<'END'
label --merge labels-*.jsonl answers-p1.jsonl --against answers-p0.jsonl -o preferred.jsonl	needs what people save; tests/tools/pages/label.sh
make demo	minutes; tests/tools/demo runs its parts, make check-long its control
make check	runs this test
make bench-tables	nearly an hour; tests/tools/make/bench.sh runs its scripts
make bench-ranks	a minute of both processors, and needs an MPI
rollout -z --policy p0 -n 4 prompts.jsonl.zst | score -z --reward-model rm --ref base > scored.jsonl.zst	before the next two
mpirun -n 4 ppo-step --ranks 4 --groups 8 --policy p0 --critic-init rm scored.jsonl.zst -o p1	needs an MPI; tests/tools/ranks has its like
srun -K -n 4 --mpi=pmix ppo-step --ranks 4 --groups 8 --policy p0 --critic-init rm scored.jsonl.zst -o p1	needs Slurm
cp docs/cluster/settings.sh run/	needs Slurm; make check-slurm
docs/cluster/submit.sh run/settings.sh --partition=batch	needs Slurm; make check-slurm
cp docs/cluster/Makefile.example run/Makefile	tests/tools/docs/cluster.sh
make -C run -j2	tests/tools/docs/cluster.sh
g++ -std=c++20 check.cc $(pkg-config --cflags --libs nudge) -o check	after make install; tests/tools/make/install.sh does it in a folder
./check p0 scored.jsonl.zst	likewise
make deps    # Debian packages that are missing	installs
make         # programs, library, man pages, in build/HASH: one folder for each compiler and set of flags	builds
make help    # all targets	tests/tools/make/help.sh
make -s $(make -s print-build)/test-rl && $(make -s print-build)/test-rl -tc='*whiten*'	builds
make && sh tests/tools/run.sh $(make -s print-build) 'ppo/*'	builds
make check   # everything; CI runs `make check-clang`, then this with UNITY=1	runs this test
make -s $(make -s print-build)/test-kernels && $(make -s print-build)/test-kernels	builds
make check-layers	make check runs it
tensorboard --logdir logs	a server
curl -O https://openaipublic.blob.core.windows.net/summarize-from-feedback/datasets/tldr_3_filtered/train.jsonl	fetches
MODEL=smollm2 docs/real-model.sh run	hours; tests/tools/docs/real_model.sh runs it with a small model
until docs/real-model.sh run; do [ $? = 75 ] || break; done	likewise
jq -r '[.iteration, ."objective/scores", ."objective/kl", ."policy/kl_step"] | @tsv' run/metrics-*.jsonl | sort -n	tests/tools/docs/real_model.sh
peek -n 2 run/scored-9.zst	likewise
kl-report --html now.html --metrics <(cat run/metrics-[0-9].jsonl) run/scored-[0-9].zst	likewise
label --merge labels-*.jsonl run/final-BEST.jsonl --against run/final-0.jsonl -o judged.jsonl	needs what people save; likewise
duckdb -c "COPY (FROM 'imdb/plain_text/train-*.parquet') TO 'imdb-all.jsonl' (FORMAT json)"	make check-ecosystem
END
cut -f 1 known > left_out
not_run() {
  cat blocks/*.console | grep -v '^hf download ' > console  # it fetches; data.sh looks at what
  grep -vxFf left_out console && { echo "is neither run nor known to be left out"; return 1; }
  grep -vxFf console left_out && { echo "is in no document any more"; return 1; }
  return 0
}
ok "what isn't run is left out on purpose" not_run
targets() {
  for target in $(sed -nE 's/^make ([a-z -]+)$/\1/p' left_out); do grep -q "^$target:" "$ROOT/Makefile"; done
}
ok "the make targets among it exist" targets
links() {
  for page in $pages; do
    for file in $(grep -oE '\]\([^)#:]+\)' "$page" | tr -d '])(') $(grep -oE '\b[a-z-]+\.md\b' "$page"); do
      [ -e "${page%/*}/$file" ] || [ -e "$ROOT/$file" ] || [ -e "$ROOT/docs/$file" ] || [ -e "$ROOT/docs/experiments/$file" ] || {
        echo "${page##*/}: no file $file"; return 1; }
    done
  done
}
ok "documents that are named exist" links
places() {
  grep -ohE '`(lib|tests|tools|docs)/[a-zA-Z0-9_/.-]+`' $pages | tr -d '`' > named
  while read -r file; do
    case $file in *[A-Z][A-Z]*) continue ;; esac  # a pattern such as AREA/NAME
    [ -e "$ROOT/$file" ] || { echo "no file or folder $file"; return 1; }
  done < named
}
ok "files and folders that are named exist" places
sections() {  # "docs/mathematics.md, 4 to 6" in the code: such sections exist
  grep -rhoE 'mathematics\.md, [0-9]+( to [0-9]+|(, [0-9]+)*)' "$ROOT/lib" "$ROOT/tools" "$ROOT/docs" > named
  for n in $(sed 's/.*md, //' named | grep -oE '[0-9]+' | sort -un); do
    grep -q "^## $n\. " "$ROOT/docs/mathematics.md" || { echo "no section $n"; return 1; }
  done
  [ "$(wc -l < named)" -ge 10 ]
}
ok "sections of the mathematics that the code names exist" sections
