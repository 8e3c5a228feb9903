# The two commands; everything they install lives in .build, but Nix itself (see scripts/setup).
.PHONY: demo test lint setup clean

# A real model, the whole way: reference, lock, build, scan, load offline.
demo:
	@scripts/setup demo
	@scripts/demo

# Everything that can be checked on this machine; says what it had to skip.
test:
	@scripts/setup demo test
	@scripts/test

lint:
	@scripts/setup test
	@scripts/lint

setup:
	@scripts/setup demo test

clean:
	@chmod -R u+w .build 2>/dev/null || true
	rm -rf .build
