# SPDX-License-Identifier: Apache-2.0

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help demo test build check docs format clean

C_FOLDERS := Sources/CSignetKernels Sources/CSignetJPEG Tests/CSignetKernelsTests
SWIFT_FOLDERS := $(wildcard Sources Tests Benchmarks Examples Scripts) Package.swift

help:  ## This list.
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | while IFS='|' read -r a b; do printf '%-12s  %s\n' "$$a" "$$b"; done

demo:  ## Train, export, verify and run a small binary network on Fashion-MNIST.
	@Scripts/demo

test:  ## All tests, in release.
	@Scripts/install-system-packages
	swift test -c release

build:  ## The command signet, in release.
	@Scripts/install-system-packages
	swift build -c release --product signet

check:  ## Format, import table, documentation, and the example with what it links.
	swift format lint --strict --recursive $(SWIFT_FOLDERS)
	@if LC_ALL=C.UTF-8 grep -rnE '^.{121,}' $(C_FOLDERS); then echo "these lines of C have more than 120 columns"; exit 1; fi
	Scripts/check-imports
	Scripts/build-docs
	Scripts/check-example

docs:  ## The library's documentation, as a site in .build/docs.
	Scripts/build-docs

format:  ## Format the Swift code, and the C code if clang-format is there.
	swift format --in-place --recursive $(SWIFT_FOLDERS)
	@if command -v clang-format >/dev/null; then \
	  find Sources/CSignetKernels Sources/CSignetJPEG \( -name '*.c' -o -name '*.h' \) -exec clang-format -i {} +; \
	else echo "clang-format is not installed; the C code was left as it is"; fi

clean:  ## Remove what was built; runs are kept.
	rm -rf .build
