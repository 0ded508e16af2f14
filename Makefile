# Short names for the scripts in tools/; nothing is decided here.
.DEFAULT_GOAL := all
.PHONY: all setup test demo test-asan test-tsan format tidy accept bench fuzz sim chaos build-mutants marks mutants clean

all:
	tools/build release strandlog strandlogd

setup:
	tools/setup

test:
	tools/test

demo:
	tools/demo

test-asan:
	tools/test dev

test-tsan:
	tools/test tsan

format:
	python3 tests/tidy/tidy.py --list | xargs clang-format-14 -i

tidy:
	tests/tidy/run

accept bench fuzz:
	tools/$@

MINUTES ?= 10

# Seeds that nobody has run: MINUTES=n, ten without.
sim:
	tools/build release strandlog-sim
	first=$$(date +%s)000; build/strandlog-sim run --jobs $$(nproc) --minutes $(MINUTES) \
	  --seeds $$first..$${first%000}999

# Real brokers in network namespaces, as root: MINUTES=n, SEED=s.
SEED ?= 1
chaos:
	tools/chaos --minutes $(MINUTES) --seed $(SEED)

# A build of its own, in which bugs can be switched on one at a time; each must be found. In the same
# build places that tests must reach are counted.
build-mutants:
	cmake --preset release -B build-mutants -DSTRANDLOG_MUTANTS=ON
	cmake --build build-mutants --target strandlog-sim sim_test

marks: build-mutants
	build-mutants/strandlog-sim run --marks --jobs $$(nproc) --seeds 1..200

mutants: build-mutants
	build-mutants/sim_test --gtest_filter='Damage.*:Identity.*'
	build-mutants/strandlog-sim mutants --jobs $$(nproc) --seeds 1..5000

clean:
	rm -rf build build-dev build-tsan build-fuzz build-mutants
