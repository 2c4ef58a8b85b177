# What people run: `make demo`, `make test`, `make install`, `make deb`. Each installs, or names, the system packages it needs.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
BUILD_DIR := $(or $(CARGO_TARGET_DIR),target)
PROGRAM := $(BUILD_DIR)/release/earwitness
# How the program is run here. A package for another processor is built with an emulator.
RUN_PROGRAM = $(PROGRAM)
# The build of the JACK bindings finds a stub here (.cargo/config.toml says why).
STUBS := $(CURDIR)/.cargo/pkgconfig
export PKG_CONFIG_PATH := $(STUBS)$(addprefix :,$(filter-out $(STUBS),$(PKG_CONFIG_PATH)))
DEMO_DIR ?= demo-events
PREFIX ?= /usr/local
# Settings of the whole system lie in /etc; those of an installation elsewhere lie with it.
SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)
UNITS := earwitness.service earwitness-learn.service earwitness-learn.timer
COMPLETION_DIRS := share/bash-completion/completions share/zsh/site-functions share/fish/vendor_completions.d

.PHONY: help demo test book fresh install uninstall deb deb-check packages servers

help: ## Lists the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: packages ## Builds the program, lets it hear the scene it makes itself, and says where the evidence lies.
	$(CARGO) build --release --locked
	@echo "Listening to the demo scene; every line below is one JSON object of what the monitor reports."
	$(PROGRAM) monitor --input demo --fast --ui jsonl --record $(DEMO_DIR)
	@echo
	@echo "Each event has a folder with what the microphone heard (clip.wav), what the classifier heard"
	@echo "(interpretation.wav), its parts (component-KK.wav), a picture (spectrogram.png) and the facts (event.json):"
	@find $(DEMO_DIR) -name event.json -printf '  %h\n' | sort
	@echo "Listen to a clip.wav and to the interpretation.wav beside it. Your own microphone: $(PROGRAM) monitor"

test: packages servers ## Checks format, lints and dependencies, runs every test, and builds the core without sound cards and terminal.
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	PROPTEST_RNG_SEED=20261120 $(CARGO) test --locked
	$(CARGO) check --locked --no-default-features --lib
	@if ! command -v cargo-deny >/dev/null; then echo "skipped: cargo deny check, because cargo-deny is not installed"; \
	elif cargo deny fetch db >/dev/null 2>&1; then cargo deny --locked check; \
	else echo "skipped: advisories, because their list cannot be fetched"; cargo deny --locked check bans licenses sources; fi

book: ## Makes a book of the pages in docs/ (target/book/index.html). Needs mdbook.
	@command -v mdbook >/dev/null || { echo "mdbook is not installed; cargo install mdbook --locked"; exit 1; }
	mdbook build docs

fresh: ## Runs `make demo` (TARGET=test: the tests) on a bare Debian, as a new user would. Needs root.
	.ci/fresh $(or $(TARGET),demo)

install: packages ## Installs program, models, manual, completions and service below PREFIX (/usr/local).
	$(CARGO) build --release --locked
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/earwitness
	install -d $(DESTDIR)$(PREFIX)/share/earwitness
	cp -r models $(DESTDIR)$(PREFIX)/share/earwitness/
	$(RUN_PROGRAM) man --out $(DESTDIR)$(PREFIX)/share/man/man1
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,$(COMPLETION_DIRS))
	$(RUN_PROGRAM) completions bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/earwitness
	$(RUN_PROGRAM) completions zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_earwitness
	$(RUN_PROGRAM) completions fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/earwitness.fish
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in $(UNITS); do \
		sed -e 's|/usr/local/bin|$(PREFIX)/bin|; s|/etc/earwitness|$(SYSCONFDIR)/earwitness|' systemd/$$unit \
			> $(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit || exit 1; \
	done
	install -D -m 644 systemd/earwitness.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/earwitness.conf
	install -D -m 644 systemd/config.toml $(DESTDIR)$(PREFIX)/share/earwitness/config.toml
	@file=$(DESTDIR)$(SYSCONFDIR)/earwitness/config.toml; \
	if [ -e "$$file" ]; then echo "$$file stays as it is; the new sample is $(PREFIX)/share/earwitness/config.toml"; \
	else install -D -m 644 systemd/config.toml "$$file"; fi

uninstall: ## Removes what install has put there; settings and recordings stay.
	rm -f $(DESTDIR)$(PREFIX)/bin/earwitness
	rm -rf $(DESTDIR)$(PREFIX)/share/earwitness
	rm -f $(DESTDIR)$(PREFIX)/share/man/man1/earwitness.1 $(DESTDIR)$(PREFIX)/share/man/man1/earwitness-*.1
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/earwitness
	rm -f $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_earwitness
	rm -f $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/earwitness.fish
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/lib/systemd/system/,$(UNITS))
	rm -f $(DESTDIR)$(PREFIX)/lib/sysusers.d/earwitness.conf

# The Debian package: for this machine's architecture, or cross-built with ARCH=arm64.
THIS_ARCH := $(shell dpkg --print-architecture 2>/dev/null)
ARCH ?= $(THIS_ARCH)
CARGO_DEB := $(BUILD_DIR)/tools/bin/cargo-deb
CARGO_DEB_VERSION := 3.8.0
# `make install` fills this folder; Cargo.toml says where the package takes its files.
STAGE := target/deb
deb: PACKAGES := dpkg-dev
CROSS := $(filter-out $(THIS_ARCH),$(ARCH))
ifeq ($(CROSS),arm64)
RUST_TARGET := aarch64-unknown-linux-gnu
deb: PACKAGES += gcc-aarch64-linux-gnu libc6-dev-arm64-cross libasound2-dev:arm64 qemu-user-static
deb: PROGRAM := $(BUILD_DIR)/$(RUST_TARGET)/release/earwitness
deb: RUN_PROGRAM = qemu-aarch64-static $(PROGRAM)
deb: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER := aarch64-linux-gnu-gcc
deb: export PKG_CONFIG_ALLOW_CROSS := 1
deb: export PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu := /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig
endif

deb: packages $(CARGO_DEB) ## Builds a Debian package in target/debian. With ARCH=arm64, for 64-bit ARM.
	$(if $(filter-out arm64,$(CROSS)),$(error make deb builds for this machine and for arm64, not for $(ARCH)))
	$(if $(RUST_TARGET),rustup target add $(RUST_TARGET))
	$(CARGO) build --release --locked $(addprefix --target=,$(RUST_TARGET))
	rm -rf $(STAGE)
	$(MAKE) --no-print-directory install DESTDIR=$(STAGE) PREFIX=/usr CARGO=true \
		PROGRAM='$(PROGRAM)' RUN_PROGRAM='$(RUN_PROGRAM)'
	.ci/debian-changelog > $(STAGE)/changelog
	$(CARGO_DEB) --no-build --locked --output target/debian/ $(addprefix --target=,$(RUST_TARGET))

$(CARGO_DEB):
	$(CARGO) install cargo-deb --version $(CARGO_DEB_VERSION) --locked --root $(BUILD_DIR)/tools

deb-check: deb ## Installs, runs, removes and purges the package on a bare Debian. Needs root.
	.ci/deb-check target/debian/earwitness_*_$(THIS_ARCH).deb

# Servers and a browser that some tests start for themselves; where they cannot be installed, those tests say that they skip.
servers:
	@missing=(); \
	command -v jackd >/dev/null || missing+=(jackd2); \
	command -v pulseaudio >/dev/null || missing+=(pulseaudio); \
	command -v paplay >/dev/null || missing+=(pulseaudio-utils); \
	PATH="$$PATH:/usr/sbin" command -v mosquitto >/dev/null || missing+=(mosquitto); \
	command -v mosquitto_sub >/dev/null || missing+=(mosquitto-clients); \
	command -v chromium >/dev/null || missing+=(chromium); \
	command -v ffmpeg >/dev/null || missing+=(ffmpeg); \
	if [ $${#missing[@]} -gt 0 ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing $${missing[*]}"; \
			apt-get update -q && DEBIAN_FRONTEND=noninteractive \
				apt-get install -y -q --no-install-recommends "$${missing[@]}" \
				|| echo "Tests that need $${missing[*]} will be skipped." >&2; \
		else \
			echo "Tests that need $${missing[*]} will be skipped." >&2; \
		fi; \
	fi

# A C compiler links, pkg-config finds ALSA, and ALSA is how Linux reaches sound cards. PACKAGES are those that one target needs besides.
packages:
	@missing=(); \
	command -v cc >/dev/null || missing+=(gcc libc6-dev); \
	command -v pkg-config >/dev/null || missing+=(pkg-config); \
	pkg-config --exists alsa 2>/dev/null || missing+=(libasound2-dev); \
	for package in $(PACKAGES); do dpkg -s "$$package" >/dev/null 2>&1 || missing+=("$$package"); done; \
	if [ $${#missing[@]} -gt 0 ]; then \
		if ! command -v apt-get >/dev/null; then \
			echo "Please install a C compiler, pkg-config and the development files of ALSA, then run make again" \
				"(Debian calls what is missing here: $${missing[*]})." >&2; exit 1; \
		fi; \
		as_root=(); \
		if [ "$$(id -u)" != 0 ]; then \
			if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then as_root=(sudo); else \
				echo "Please install these packages, then run make again: apt-get install $${missing[*]}" >&2; \
				if [[ "$${missing[*]}" = *:arm64* ]]; then \
					echo "Before that: dpkg --add-architecture arm64 && apt-get update" >&2; \
				fi; \
				exit 1; \
			fi; \
		fi; \
		echo "Installing $${missing[*]}"; \
		if [[ "$${missing[*]}" = *:arm64* ]]; then "$${as_root[@]}" dpkg --add-architecture arm64; fi; \
		"$${as_root[@]}" apt-get update -q; \
		"$${as_root[@]}" apt-get install -y -q --no-install-recommends "$${missing[@]}"; \
	fi
	@command -v $(CARGO) >/dev/null || { \
		echo "Please install Rust 1.95 or newer from https://rustup.rs, then run make again." >&2; exit 1; }
