# Short names for the scripts in tools/; nothing is decided here.
.DEFAULT_GOAL := all
.PHONY: all setup test demo test-asan test-tsan format tidy accept bench fuzz clean

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

# Not all of these exist yet.
accept bench fuzz:
	@if [ -f tools/$@ ]; then exec tools/$@; \
	else echo "$@: not built yet: see docs/STATUS.md" >&2; exit 2; fi

clean:
	rm -rf build build-dev build-tsan build-fuzz
