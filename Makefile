# The two commands of the README: `make demo` and `make test`. Both install, or name, the system packages they need.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
PROGRAM := $(or $(CARGO_TARGET_DIR),target)/release/earwitness
DEMO_DIR ?= demo-events
PREFIX ?= /usr/local
# Settings of the whole system lie in /etc; those of an installation elsewhere lie with it.
SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)
COMPLETION_DIRS := share/bash-completion/completions share/zsh/site-functions share/fish/vendor_completions.d

.PHONY: help demo test install uninstall packages servers

help: ## Lists the targets.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: packages ## Builds the program, lets it hear the scene it makes itself, and says where the evidence lies.
	$(CARGO) build --release --locked
	@echo "Listening to the demo scene; every line below is one JSON object of what the monitor reports."
	$(PROGRAM) monitor --input demo --fast --ui jsonl --record $(DEMO_DIR)
	@echo
	@echo "Each event has a folder with what the microphone heard (clip.wav), what the classifier heard"
	@echo "(interpretation.wav), its parts (component-KK.wav), a picture (spectrogram.png) and the facts (event.json):"
	@find $(DEMO_DIR) -name event.json -printf '  %h\n' | sort
	@echo "Listen to a clip.wav and to the interpretation.wav beside it. Your own microphone: $(PROGRAM) monitor"

test: packages servers ## Checks format and lints, runs every test, and builds the core without sound cards and terminal.
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	PROPTEST_RNG_SEED=20261120 $(CARGO) test --locked
	$(CARGO) check --locked --no-default-features --lib

install: packages ## Installs program, models, manual, completions and service below PREFIX (/usr/local).
	$(CARGO) build --release --locked
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/earwitness
	install -d $(DESTDIR)$(PREFIX)/share/earwitness
	cp -r models $(DESTDIR)$(PREFIX)/share/earwitness/
	$(PROGRAM) man --out $(DESTDIR)$(PREFIX)/share/man/man1
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,$(COMPLETION_DIRS))
	$(PROGRAM) completions bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/earwitness
	$(PROGRAM) completions zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_earwitness
	$(PROGRAM) completions fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/earwitness.fish
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed -e 's|/usr/local/bin|$(PREFIX)/bin|; s|/etc/earwitness|$(SYSCONFDIR)/earwitness|' systemd/earwitness.service \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/earwitness.service
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
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/earwitness.service
	rm -f $(DESTDIR)$(PREFIX)/lib/sysusers.d/earwitness.conf

# Servers and a browser that some tests start for themselves; where they cannot be installed, those tests say that they skip.
servers:
	@missing=(); \
	command -v jackd >/dev/null || missing+=(jackd2); \
	command -v pulseaudio >/dev/null || missing+=(pulseaudio); \
	command -v paplay >/dev/null || missing+=(pulseaudio-utils); \
	PATH="$$PATH:/usr/sbin" command -v mosquitto >/dev/null || missing+=(mosquitto); \
	command -v mosquitto_sub >/dev/null || missing+=(mosquitto-clients); \
	command -v chromium >/dev/null || missing+=(chromium); \
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

# A C compiler links, pkg-config finds ALSA, and ALSA is how Linux reaches sound cards.
packages:
	@missing=(); \
	command -v cc >/dev/null || missing+=(gcc libc6-dev); \
	command -v pkg-config >/dev/null || missing+=(pkg-config); \
	pkg-config --exists alsa 2>/dev/null || missing+=(libasound2-dev); \
	if [ $${#missing[@]} -gt 0 ]; then \
		if ! command -v apt-get >/dev/null; then \
			echo "Please install a C compiler, pkg-config and the development files of ALSA, then run make again" \
				"(Debian calls what is missing here: $${missing[*]})." >&2; exit 1; \
		fi; \
		as_root=(); \
		if [ "$$(id -u)" != 0 ]; then \
			if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then as_root=(sudo); else \
				echo "Please install these packages, then run make again: apt-get install $${missing[*]}" >&2; exit 1; \
			fi; \
		fi; \
		echo "Installing $${missing[*]}"; \
		"$${as_root[@]}" apt-get update -q; \
		"$${as_root[@]}" apt-get install -y -q --no-install-recommends "$${missing[@]}"; \
	fi
	@command -v $(CARGO) >/dev/null || { \
		echo "Please install Rust 1.95 or newer from https://rustup.rs, then run make again." >&2; exit 1; }
