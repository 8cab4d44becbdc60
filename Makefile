# nudge: `make help` lists the targets.

# Without make's own rules, one of which would make the folder tests/run of tests/run.sh.
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:

CXX       ?= g++
CXXFLAGS  ?= -O2
LEVELFLAGS ?= -O3
PREFIX    ?= /usr/local
DESTDIR   ?=
V         ?= 0
UNITY     ?= 0
ROUNDS    ?= 3

comma     := ,
space     := $(subst ,, )
PROGRAMS  := $(patsubst tools/%.cc,%,$(wildcard tools/*.cc))
# The compiler's target, say aarch64-linux-gnu, and whether it is this machine's kind. A cross compiler asks its own
# pkg-config; EMULATOR, say qemu-aarch64, runs its programs.
target    := $(shell $(CXX) -dumpmachine)
machine   := $(patsubst arm64,aarch64,$(firstword $(subst -, ,$(target))))
crossing  := $(filter-out $(patsubst arm64,aarch64,$(shell uname -m)),$(machine))
ifneq ($(crossing),)
  PKG_CONFIG ?= $(shell command -v $(target)-pkg-config || echo pkg-config)
endif
PKG_CONFIG ?= pkg-config
EMULATOR  ?=
# Levels, the least first, and those of one file each, which are the last of them in all else.
ifeq ($(machine),aarch64)
  LEVELS  := neon
  BEYOND  := neonbf16
  # A char is signed, as on x86-64.
  machine_flags := -fsigned-char
else
  LEVELS  := v3 v4
  BEYOND  := v4bf16 amx
  # Those that clang reads for another machine, which needs none of that one's headers.
  FOREIGN := neon
  FOREIGN_BEYOND := neonbf16
  foreign_neon := --target=aarch64-linux-gnu -ffreestanding
  foreign_neonbf16 := $(foreign_neon)
endif
march_v3  := -march=x86-64-v3 -mtune=generic
march_v4  := -march=x86-64-v4 -mtune=generic -mprefer-vector-width=512
march_v4bf16 := $(march_v4) -mavx512bf16
march_amx := $(march_v4) -mamx-tile -mamx-bf16
march_neon := -march=armv8.2-a
march_neonbf16 := -march=armv8.2-a+bf16
march_least := $(march_$(firstword $(LEVELS)))
file_v4bf16   := lib/kernels/dot_bf16.cc
file_neonbf16 := lib/kernels/dot_bf16.cc
file_amx  := lib/kernels/amx.cc

packages  := libzstd simdjson libpcre2-8 libutf8proc libxxhash
# MPI, for --ranks: ompi, mpich or none; else the first that pkg-config finds. One file calls it, in a library of its
# own that the programs load when they are asked for ranks.
mpi_pc_ompi  := ompi-c
mpi_pc_mpich := mpich
ifndef MPI
  MPI := $(firstword $(foreach m,ompi mpich,$(if $(shell $(PKG_CONFIG) --exists $(mpi_pc_$m) 2>/dev/null && echo y),$m)) none)
endif
ifeq ($(filter $(MPI),ompi mpich none),)
  $(error MPI=$(MPI) is none of ompi, mpich and none)
endif
warnings  := -Wall -Wextra -Wshadow
# The law (docs/determinism.md): the compiler neither contracts nor reorders.
law       := -ffp-contract=off -fno-fast-math
all_flags := -std=c++20 -fPIC -I. $(warnings) $(law) $(addsuffix $(space),$(machine_flags))-pthread $(CXXFLAGS)
level_flags := $(LEVELFLAGS) -fno-math-errno
# Tests are compiled once and run once: less optimised, they are done sooner, and most of all those that compute little.
test_flags := -O1
light_tests := base cli fuzz io label law report run
# Asked once, but not before they are needed: make deps may be what brings pkg-config. Debian has no doctest.pc: its header is where all are.
package_flags  = $(eval package_flags := $(shell $(PKG_CONFIG) --cflags $(packages) CLI11))$(package_flags)
test_packages  = $(eval test_packages := $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags eigen3; $(PKG_CONFIG) --cflags doctest 2>/dev/null)))$(test_packages)
libraries  = $(eval libraries := -pthread $(LDFLAGS) $(shell $(PKG_CONFIG) --libs $(packages)) -ldl)$(libraries)

# Objects live in a folder named by what they were built with.
built_with := $(CXX) $(all_flags) | unity $(UNITY) | $(level_flags) | $(foreach l,$(LEVELS) $(BEYOND),$l: $(march_$l)) | $(test_flags) $(light_tests) | $(LDFLAGS)
build     := build/$(shell printf '%s' '$(built_with)' | cksum | cut -d' ' -f1)

beyond    := $(foreach l,$(BEYOND),$(file_$l))
leveled   := $(filter-out lib/kernels/dispatch.cc lib/kernels/amx.cc $(beyond),$(wildcard lib/kernels/*.cc))
mpi_file  := lib/base/comm_mpi.cc
plain     := $(filter-out $(leveled) lib/kernels/amx.cc $(beyond) $(mpi_file),$(wildcard lib/*/*.cc))
rooms     := $(sort $(patsubst lib/%/,%,$(dir $(plain))))
# UNITY=1: the sources of a folder are compiled as one, which parses its headers once. A clean build is done in a third
# of the time, a change in one source takes longer.
ifeq ($(UNITY),1)
  plain_objs := $(rooms:%=$(build)/unity/lib-%.o)
  tests_of    = $(build)/unity/tests-$(1).o
else
  plain_objs := $(plain:%.cc=$(build)/%.o)
  tests_of    = $(patsubst %.cc,$(build)/%.o,$(wildcard tests/$(1)/test_*.cc))
endif
assets    := $(wildcard lib/page/*.css lib/page/*.js)
lib_objs  := $(plain_objs) $(build)/assets.o $(foreach l,$(LEVELS),$(leveled:%.cc=$(build)/%.$l.o)) \
  $(foreach l,$(BEYOND),$(file_$l:%.cc=$(build)/%.$l.o))
# Shared, because eight programs that each hold the library would be 10 MB.
soname    := libnudge.so.0
library   := $(build)/$(soname)
# Present for the MPI in use alone, whose stamp removes what another one left.
mpi_stamp   := $(build)/mpi.$(MPI)
mpi_library := $(if $(filter none,$(MPI)),,$(build)/libnudge-mpi.so)
headers   := $(wildcard lib/*/*.h)
version   := $(shell sed -n 's/.*kVersion = "\(.*\)".*/\1/p' lib/cli/version.h)
test_dirs := $(patsubst tests/%/,%,$(sort $(dir $(wildcard tests/*/test_*.cc))))
# Those that are compiled longest come first, so that none is compiled alone at the end.
test_bins := $(patsubst %,$(build)/test-%,$(filter-out $(light_tests),$(test_dirs)) $(filter $(light_tests),$(test_dirs)))
benches   := $(patsubst tests/bench/%.cc,$(build)/%,$(wildcard tests/bench/*.cc))
bin       := $(PROGRAMS:%=$(build)/bin/%)
man_pages := $(PROGRAMS:%=$(build)/man/%.1)
pages     := $(build)/pages

ifeq ($(V),1)
  Q :=
  say = @:
else
  Q := @
  say = @printf '  %-5s %s\n'
endif

# Targets that build and then do something use all processors, unless -j was given.
# Deferred: while the file is read GNU make 4.3 has no -j in MAKEFLAGS yet.
jobs       = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

.DEFAULT_GOAL := all
.PHONY: all deps check check-long check-layers check-clang check-format format tidy compile_commands check-ecosystem check-pages check-tables check-faults check-slurm check-old-cpu check-arm64 soak asan tsan fuzz bench bench-growth bench-peers bench-ranks bench-tables demo experiments install uninstall clean help test-programs print-build

all: $(bin) $(library) $(mpi_stamp) $(mpi_library) $(if $(crossing),$(if $(EMULATOR),$(pages)),$(pages))  ## build the programs, the library and the man pages (default)

help:  ## list the targets
	@sed -n 's/^\([a-z0-9_-]*\):.*##  *\(.*\)/\1\t\2/p' Makefile | expand -t 18
	@echo 'variables: CXX CXXFLAGS LEVELFLAGS LDFLAGS MPI PKG_CONFIG EMULATOR PREFIX DESTDIR ROUNDS ROWS TIME FUZZ EXPERIMENTS V=1 UNITY=1 (show the commands; a folder as one source; MPI: ompi, mpich, none)'

deps:  ## install what is missing (Debian packages; through sudo where not root)
	@sh tests/deps.sh

$(build)/%.o: %.cc
	$(say) CXX $<
	@mkdir -p $(@D)
	$(Q)$(CXX) $(all_flags) $(package_flags) -MMD -MP -c $< -o $@

define level_rule
$(build)/%.$(1).o: %.cc
	$$(say) CXX '$$< ($(1))'
	@mkdir -p $$(@D)
	$$(Q)$$(CXX) $$(all_flags) $(level_flags) $(march_$(1)) -DNUDGE_LEVEL=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach l,$(LEVELS) $(BEYOND),$(eval $(call level_rule,$l)))

# The scripts and styles of pages as C++, each in a raw string: lib/page/assets.h.
$(build)/assets.cc: lib/page $(assets)
	@mkdir -p $(@D)
	$(Q)awk 'BEGIN { print "#include \"lib/page/assets.h\"\nnamespace nudge::assets {" } \
	  FNR == 1 { if (NR > 1) print ")asset\";"; n = FILENAME; sub(/.*\//, "", n); gsub(/[.]/, "_", n); \
	    printf "const std::string_view %s = R\"asset(", n } \
	  { print } END { print ")asset\";\n}" }' $(assets) > $@
$(build)/assets.o: $(build)/assets.cc
	$(say) CXX assets
	$(Q)$(CXX) $(all_flags) -MMD -MP -c $< -o $@

# They depend on the folder, too, which is newer when a file came or went.
define unity_rules
$(build)/unity/lib-$(1).cc: lib/$(1) $(filter lib/$(1)/%,$(plain))
	@mkdir -p $$(@D)
	$$(Q)printf '#include "%s"\n' $$(filter %.cc,$$^) > $$@
endef
$(foreach r,$(rooms),$(eval $(call unity_rules,$r)))
define unity_test_rules
$(build)/unity/tests-$(1).cc: tests/$(1) $(wildcard tests/$(1)/test_*.cc) tests/unity.awk
	@mkdir -p $$(@D)
	$$(Q)awk -f tests/unity.awk $$(filter %.cc,$$^) > $$@
$(build)/unity/tests-$(1).o: all_flags += $$(test_packages) $(test_flags)
endef
$(foreach d,$(test_dirs),$(eval $(call unity_test_rules,$d)))
$(build)/unity/%.o: $(build)/unity/%.cc
	$(say) CXX $(@F:.o=)
	$(Q)$(CXX) $(all_flags) $(package_flags) -MMD -MP -c $< -o $@

$(library): $(lib_objs)
	$(say) LINK $(@F)
	$(Q)$(CXX) $(all_flags) -shared -Wl,-soname,$(soname) $^ $(libraries) -o $@

$(mpi_stamp):
	@mkdir -p $(@D)
	$(Q)rm -f $(build)/mpi.* $(build)/libnudge-mpi.so && touch $@

$(build)/libnudge-mpi.so: $(mpi_file:%.cc=$(build)/%.$(MPI).o) $(mpi_stamp)
	$(say) LINK $(@F)
	$(Q)$(CXX) $(all_flags) -shared $< -pthread $(LDFLAGS) $(shell $(PKG_CONFIG) --libs $(mpi_pc_$(MPI))) -o $@

$(mpi_file:%.cc=$(build)/%.$(MPI).o): $(mpi_file)
	$(say) CXX '$< ($(MPI))'
	@mkdir -p $(@D)
	$(Q)$(CXX) $(all_flags) $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags $(mpi_pc_$(MPI)))) -MMD -MP -c $< -o $@

# Programs find the library beside the folder they are in: in the build folder, or in lib/ where installed. They need no
# relinking when only the library changes; where a header did, their object is newer too.
$(build)/bin/%: $(build)/tools/%.o | $(library)
	$(say) LINK $*
	@mkdir -p $(@D)
	$(Q)$(CXX) $(all_flags) $^ $(library) $(libraries) -Wl,-rpath,'$$ORIGIN/..:$$ORIGIN/../lib' -o $@

# Man pages and completions hold the option tables, whose defaults come from the whole library. So all are written again
# when that changes, and replace what is there only where they differ.
$(pages): $(bin) $(library)
	@mkdir -p $(build)/man $(build)/completions
	$(Q)set -e; write() { $(if $(crossing),$(EMULATOR)) "$(build)/bin/$$1" $$2 > $@.tmp; cmp -s $@.tmp "$(build)/$$3" || mv $@.tmp "$(build)/$$3"; }; \
	for p in $(PROGRAMS); do \
	  write $$p --man man/$$p.1; \
	  write $$p '--completion bash' completions/$$p.bash; write $$p '--completion zsh' completions/_$$p; \
	done; touch $@

# One test program a folder of tests/.
define test_rule
$(build)/test-$(1): $(call tests_of,$(1)) \
  $(patsubst %.cc,$(build)/%.o,$(filter-out tests/$(1)/test_%,$(wildcard tests/$(1)/*.cc)) $(wildcard tests/harness/*.cc)) | $(library)
	$$(say) LINK test-$(1)
	$$(Q)$$(CXX) $$(all_flags) $$^ $(library) $$(libraries) -Wl,-rpath,'$$$$ORIGIN' -o $$@
endef
$(foreach d,$(test_dirs),$(eval $(call test_rule,$d)))
$(build)/tests/%.o: all_flags += $(test_packages) $(test_flags)
$(foreach d,$(light_tests),$(build)/tests/$d/%.o $(build)/unity/tests-$d.o): all_flags += -O0
# Their definitions in plain loops are FMAs, which the library's least level has.
$(build)/tests/kernels/%.o $(build)/unity/tests-kernels.o: all_flags += $(march_least)

$(build)/%: $(build)/tests/bench/%.o | $(library)
	$(say) LINK $*
	$(Q)$(CXX) $(all_flags) $^ $(library) $(libraries) -Wl,-rpath,'$$ORIGIN' -o $@

test-programs: $(bin) $(mpi_stamp) $(mpi_library) $(test_bins)

check: deps check-layers  ## set up, build and run all tests (minutes)
	@$(MAKE) --no-print-directory $(jobs) all test-programs
	@sh tests/run.sh $(build)

check-long: deps  ## the tests that take longer: every float32, the demo's control
	@$(MAKE) --no-print-directory $(jobs) all test-programs
	@NUDGE_CHECK_LONG=1 sh tests/run.sh $(build)

check-ecosystem: deps  ## model folders exchanged with transformers, both ways (NUDGE_PYTHON; minutes): tests/ecosystem/run.sh
	@$(MAKE) --no-print-directory $(jobs) all
	@sh tests/ecosystem/run.sh $(build)

puppeteer := puppeteer-core@24.43.1
check-pages: deps  ## HTML pages in headless Chromium (Debian's chromium, node; puppeteer-core from npm)
	@sh tests/deps.sh chromium
	@command -v npm > /dev/null || sh tests/deps.sh nodejs npm
	@npm install --prefix build/npm --loglevel=error --no-audit --no-fund $(puppeteer)
	@$(MAKE) --no-print-directory $(jobs) all
	@NUDGE_NODE_MODULES="$(CURDIR)/build/npm/node_modules" sh tests/tools/run.sh $(build) 'pages/*'

check-tables:  ## the tables of Unicode against its database (npm), the polynomials against the best of their form
	@python3 tests/kernels/minimax.py lib/kernels/vector_math.h
	@sh tests/ecosystem/unicode_tables.sh

sanitize := -O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
# A tile of the matrix product lives in registers. Checked as an object in memory it takes g++ many minutes to compile;
# the memory that it is loaded from and stored to is checked.
level_sanitize := -O2 -fno-sanitize=null,alignment,object-size --param asan-stack=0
asan: deps  ## the whole suite under the address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory check CXXFLAGS='$(sanitize)' LEVELFLAGS='$(level_sanitize)'

# By clang, whose runtime is the better one. Threads are our own pool's, all of whose locking it sees. Tests fork, and ask
# for more memory than there is.
tsan: deps  ## the whole suite under the thread sanitizer
	@sh tests/deps.sh clang libclang-rt-dev
	@TSAN_OPTIONS="die_after_fork=0:allocator_may_return_null=1:suppressions=$(CURDIR)/tests/tsan.supp:$$TSAN_OPTIONS" \
	  $(MAKE) --no-print-directory check CXX=clang++ CXXFLAGS='-O1 -g1 -fsanitize=thread' LEVELFLAGS=-O2

# Fuzzers are built by clang, whose libFuzzer drives them, from the folders that read what others wrote.
unfuzzed  := $(patsubst %,lib/model/%.cc,transformer transformer_attention gradients ops head generate folder \
  stored_weights parameters sample)
fuzzed    := $(filter-out $(unfuzzed),$(filter lib/base/% lib/io/% lib/text/% lib/model/%,$(plain)))
fuzz_objs := $(patsubst %.cc,$(build)/%.o,$(fuzzed) $(filter-out tests/fuzz/test_%.cc,$(wildcard tests/fuzz/*.cc)))
sanitize_clang := -O1 -g1 -fno-omit-frame-pointer -fno-sanitize-recover=all
fuzz_make  = $(MAKE) --no-print-directory CXX=clang++ \
  CXXFLAGS='$(sanitize_clang) -fsanitize=fuzzer-no-link,address,undefined'
TIME      ?= 60
FUZZ      ?=
$(build)/fuzz: $(fuzz_objs)
	$(say) LINK fuzz
	$(Q)$(CXX) $(all_flags) -fsanitize=fuzzer $^ $(libraries) -o $@
.PHONY: fuzz-program
fuzz-program: $(build)/fuzz

fuzz: deps  ## look for inputs that break a promise, TIME seconds for each fuzzer (or FUZZ='record text')
	@sh tests/deps.sh clang libclang-rt-dev
	@$(fuzz_make) $(jobs) fuzz-program
	@sh tests/fuzz/run.sh $$($(fuzz_make) -s print-build)/fuzz $(TIME) $(FUZZ)

check-faults: deps  ## every fault in every call, kill -9 in loops of 200 (half an hour)
	@$(MAKE) --no-print-directory $(jobs) all
	@for area in faults resume stop ranks shards; do \
	  NUDGE_CHECK_FAULTS=1 sh tests/tools/run.sh $(build) "$$area/*" || exit 1; done

check-slurm: deps  ## docs/cluster on a private Slurm: preemption, time limits, lost nodes (minutes)
	@sh tests/deps.sh slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge
	@$(MAKE) --no-print-directory $(jobs) all
	@NUDGE_CHECK_SLURM=1 sh tests/tools/run.sh $(build) 'slurm/*'

check-old-cpu: deps  ## as an emulated Haswell the same bits, as a Nehalem a refusal (half an hour)
	@sh tests/deps.sh qemu-user
	@$(MAKE) --no-print-directory $(jobs) all $(build)/test-law
	@NUDGE_CHECK_OLD_CPU=1 sh tests/tools/run.sh $(build) 'old_cpu/*'

check-arm64: deps  ## built for Arm and emulated, the same bits (an hour); skipped where there is no emulator
	-@sh tests/deps.sh qemu-user g++-aarch64-linux-gnu
	@$(MAKE) --no-print-directory $(jobs) all
	@sh tests/arm64.sh $(build)

soak: deps  ## 200 iterations of PPO, and again with 20 cuts: no growth, the same bytes (a quarter of an hour)
	@$(MAKE) --no-print-directory $(jobs) all
	@sh tests/soak.sh $(build)

# clang catches missing includes and what g++ accepts by mistake.
check-clang: deps  ## let clang read all sources of the library and the programs
	@sh tests/deps.sh clang
	@awk -f tests/includes.awk $(headers) $(wildcard lib/*/*.cc tools/*.cc)
	@$(MAKE) --no-print-directory $(jobs) CXX=clang++ syntax
.PHONY: syntax
syntax: $(patsubst %.cc,$(build)/%.syntax,$(plain) $(wildcard tools/*.cc)) \
  $(foreach l,$(LEVELS) $(FOREIGN),$(leveled:%.cc=$(build)/%.$l.syntax)) \
  $(foreach l,$(BEYOND) $(FOREIGN_BEYOND),$(file_$l:%.cc=$(build)/%.$l.syntax))
# clang parses the standard headers once, for all sources. One that doesn't include what it uses passes then, but not
# tests/includes.awk.
standard  := algorithm array atomic charconv chrono cmath condition_variable cstring deque filesystem fstream functional \
  iostream limits map memory mutex numeric optional set span sstream string string_view thread unordered_map \
  unordered_set vector simdjson.h
$(build)/standard.pch:
	@mkdir -p $(@D)
	$(Q)printf '#include <%s>\n' $(standard) | \
	  $(CXX) $(all_flags) $(package_flags) -fpch-instantiate-templates -x c++-header - -o $@
$(build)/%.syntax: %.cc $(build)/standard.pch
	@mkdir -p $(@D)
	$(Q)$(CXX) $(all_flags) $(package_flags) -include-pch $(build)/standard.pch -fpch-instantiate-templates \
	  -Werror -fsyntax-only -MMD -MP -MT $@ -MF $(@:%=%.d) $< && touch $@
define syntax_rule
$(build)/%.$(1).syntax: %.cc
	@mkdir -p $$(@D)
	$$(Q)$$(CXX) $$(all_flags) $(level_flags) $(foreign_$(1)) $(march_$(1)) -DNUDGE_LEVEL=$(1) -Werror -fsyntax-only -MMD -MP -MT $$@ -MF $$(@:%=%.d) $$< && touch $$@
endef
$(foreach l,$(LEVELS) $(BEYOND) $(FOREIGN) $(FOREIGN_BEYOND),$(eval $(call syntax_rule,$l)))

sources   := $(wildcard lib/*/*.cc lib/*/*.h tools/*.cc tests/*/*.cc tests/*/*.h)
format:  ## lay out all sources by .clang-format
	@sh tests/deps.sh clang-format
	@printf '%s\n' $(sources) | xargs -P $$(nproc) -n 20 clang-format -i
check-format:  ## say which sources clang-format would change
	@sh tests/deps.sh clang-format
	@printf '%s\n' $(sources) | xargs -P $$(nproc) -n 20 clang-format --dry-run -Werror
tidy: compile_commands.json  ## clang-tidy's checks of the library and the programs (many minutes)
	@sh tests/deps.sh clang-tidy
	@printf '%s\n' $(plain) $(wildcard tools/*.cc) | xargs -P $$(nproc) -n 4 clang-tidy --quiet -p . --warnings-as-errors='*'

# For editors and tools: how each file is compiled.
define command_of
{"directory": "$(CURDIR)", "file": "$(2)", "command": "$(subst ",\",$(CXX) $(all_flags) $(3) -c $(2))"}$(1)
endef
compile_commands: compile_commands.json  ## write compile_commands.json, for editors and clang-tidy
.PHONY: compile_commands.json
compile_commands.json:
	$(file >$@,[)
	$(foreach f,$(plain) $(wildcard tools/*.cc),$(file >>$@,$(call command_of,$(comma),$f,$(package_flags))))
	$(foreach f,$(leveled),$(file >>$@,$(call command_of,$(comma),$f,$(march_$(lastword $(LEVELS))) -DNUDGE_LEVEL=$(lastword $(LEVELS)))))
	$(foreach l,$(BEYOND),$(file >>$@,$(call command_of,$(comma),$(file_$l),$(march_$l) -DNUDGE_LEVEL=$l)))
	$(foreach f,$(wildcard tests/*/*.cc),$(file >>$@,$(call command_of,$(comma),$f,$(package_flags) $(test_packages) $(march_least))))
	$(file >>$@,$(call command_of,,$(mpi_file),$(package_flags))])
	@echo compile_commands.json

check-layers:  ## prove that a file includes its own folder or a lower layer
	@sh tests/layers.sh

timed := $(filter-out $(build)/bench_growth $(build)/bench_ranks,$(benches))
bench: $(timed) $(bin)  ## measure kernels, whole steps and more against the machine's limits
	@for b in $(timed); do $$b || exit 1; done

bench-growth: $(build)/bench_growth  ## cost against growing work: a table, and docs/performance.svg
	@$< > $(build)/growth.tsv
	@awk -f tests/bench/growth.awk $(build)/growth.tsv > docs/performance.svg
	@awk -f tests/bench/growth.awk -v form=table $(build)/growth.tsv

bench-ranks: $(build)/bench_ranks $(mpi_library)  ## a training step shared by two processes, beside one with two threads
	@OMP_NUM_THREADS=1 $< && OMP_NUM_THREADS=2 $< && OMP_NUM_THREADS=1 mpirun -n 2 $< 2

bench-peers:  ## PyTorch, TRL and llama.cpp beside ours, in turn, ROUNDS times each; ROWS, NUDGE_PYTHON: tests/bench/peers.sh
	@if sh tests/bench/peers.sh find; then \
	  $(MAKE) --no-print-directory $(bin) $(build)/bench $(build)/bench_steps $(build)/bench_iteration && \
	  sh tests/bench/peers.sh run $(build) $(ROUNDS) $(ROWS); fi

bench-tables:  ## what the tables of docs/performance.md are filled with: build/HASH/tables.md (tests/bench/tables.sh)
	@$(MAKE) --no-print-directory $(bin) $(benches)
	@sh tests/bench/tables.sh $(build)

demo: deps  ## the whole loop on a small task, in minutes: docs/demo.sh
	@$(MAKE) --no-print-directory $(jobs) all
	@PATH="$(CURDIR)/$(build)/bin:$$PATH" bash docs/demo.sh

EXPERIMENTS ?=
experiments: deps  ## run docs/experiments and compare their tables with the pages (an hour; EXPERIMENTS='cliff entropy')
	@$(MAKE) --no-print-directory $(jobs) all
	@PATH="$(CURDIR)/$(build)/bin:$$PATH" bash docs/experiments/run.sh build/experiments $(EXPERIMENTS)

# Quoted everywhere: a folder's name may hold spaces, and unquoted its first word would be what is removed.
to        = '$(subst ','\'',$(DESTDIR)$(PREFIX))'
prefix    = '$(subst ','\'',$(PREFIX))'

install: all  ## install programs, library, headers, man pages and documents under $(DESTDIR)$(PREFIX)
	install -d $(to)/bin $(to)/lib/pkgconfig $(to)/share/man/man1
	install -s -m 755 $(bin) $(to)/bin
	install -s -m 644 $(library) $(mpi_library) $(to)/lib
	ln -sf $(soname) $(to)/lib/libnudge.so
	install -m 644 $(man_pages) $(to)/share/man/man1
	printf '%s\n' prefix=$(prefix) 'libdir=$${prefix}/lib' 'includedir=$${prefix}/include/nudge' '' 'Name: nudge' \
	  'Description: RLHF with PPO: models, records, losses, in one arithmetic' 'Version: $(version)' \
	  'Requires.private: $(packages)' 'Libs: -L$${libdir} -lnudge' 'Cflags: -pthread -I$${includedir}' \
	  > $(to)/lib/pkgconfig/nudge.pc && chmod 644 $(to)/lib/pkgconfig/nudge.pc
	set -e; for f in README.md LICENSE $$(find docs -type f); do install -D -m 644 $$f $(to)/share/doc/nudge/$$f; done
	install -d $(to)/share/bash-completion/completions $(to)/share/zsh/site-functions
	set -e; for p in $(PROGRAMS); do \
	  install -m 644 $(build)/completions/$$p.bash $(to)/share/bash-completion/completions/$$p; done
	install -m 644 $(PROGRAMS:%=$(build)/completions/_%) $(to)/share/zsh/site-functions
	@# Under their paths in the tree: -I$(PREFIX)/include/nudge finds what includes "lib/x/y.h".
	set -e; for d in $(sort $(dir $(headers))); do \
	  install -d $(to)/include/nudge/$$d; install -m 644 $$d*.h $(to)/include/nudge/$$d; done

uninstall:  ## remove what install put there
	rm -f $(foreach p,$(PROGRAMS),$(to)/bin/$p $(to)/share/man/man1/$p.1)
	rm -f $(foreach p,$(PROGRAMS),$(to)/share/bash-completion/completions/$p $(to)/share/zsh/site-functions/_$p)
	rm -f $(to)/lib/$(soname) $(to)/lib/libnudge.so $(to)/lib/libnudge-mpi.so
	rm -f $(to)/lib/pkgconfig/nudge.pc
	rm -rf $(to)/include/nudge $(to)/share/doc/nudge

clean:  ## remove all that was built
	rm -rf build

print-build:  # for scripts: the folder in use
	@echo $(build)

.PRECIOUS: $(build)/%.o
-include $(shell find $(build) -name '*.d' 2>/dev/null)
