# `make` alone lists the targets.
GO      ?= $(or $(shell command -v go 2>/dev/null),/usr/local/go/bin/go)
PREFIX  ?= /usr/local
BIN     ?= bin
FUZZTIME ?= 30s
SOAK    ?= 10m
N       ?= 1000
IDLE    ?= 1m
FORMER  ?=
# not below 9 MB yet, which is the goal (docs/performance.md): a third is TLS, DNS and HTTP
LARGEST ?= 9000000
VERSION ?= $(shell packaging/version.sh number)

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
EXHAUSTIVE  = github.com/nishanths/exhaustive/cmd/exhaustive@v0.17.1
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.8.0

export GO
export PATH := $(dir $(GO)):$(PATH)

# Asked when a recipe runs, after setup: is there a C compiler, and are the tray's GTK headers there?
HAS_CC  = $(shell command -v gcc >/dev/null 2>&1 && echo 1 || echo 0)
HAS_GTK = $(shell case "$$(uname)" in (Darwin) xcode-select -p ;; (*) command -v gcc && pkg-config --exists ayatana-appindicator3-0.1 ;; esac >/dev/null 2>&1 && echo 1 || echo 0)

# Nothing of the machine, the folder or the day goes into a program: `make reproducible`. The
# commit is stamped by us, since an archive of it has no .git for Go to ask.
BUILD = $(GO) build -trimpath -buildvcs=false -ldflags "$$(VERSION='$(VERSION)' packaging/version.sh ldflags)$(WINDOWED)"

# What keeps the command line small and quick to load: no HTTP/2, since each request has a
# connection of its own, no D-Bus over TCP, which nobody's session has, and two experiments of Go's,
# as long as this Go has them. The garbage collector from before Go 1.26 is 41 KB less, and a start
# is no slower. The new inliner can be told how much of a function is too much, 80 if nothing is
# said: where it is 5, what is inlined is shorter than the call, and where it is 40 in the runtime, a
# start is as quick as it gets.
SMALL = -gcflags=all=-d=inlbudgetslack=-75 -gcflags=runtime=-d=inlbudgetslack=-40 -tags nethttpomithttp2,godbus_no_tcp
EXPERIMENTS = $(shell GOEXPERIMENT=nogreenteagc,newinliner $(GO) env GOVERSION >/dev/null 2>&1 && echo GOEXPERIMENT=nogreenteagc,newinliner)

# The race detector needs cgo, and cgo without GTK headers needs the pure-Go tray.
RACE  = $(if $(filter 1,$(HAS_CC)),-race) $(if $(filter 1,$(HAS_GTK)),,-tags fynetray)

# What tests may read: directories with node_modules, the real Claude Code, where screenshots
# go. KTTEST_RUN differs each time, so the results of tests on the desktop, which look at it,
# never come from the cache. A machine that lacks parts of the desktop skips those tests; CI
# must have them all.
TESTENV = export KTTEST_ARTEFACTS='$(CURDIR)/artefacts' KTTEST_RUN="$$(date +%s)"; \
	[ ! -f build/npm/installed ] || export KTTEST_NODE='$(CURDIR)/build/npm' KTTEST_OIDC_DIR='$(CURDIR)/build/npm' \
	  KTTEST_CLAUDE='$(CURDIR)/build/npm/node_modules/.bin/claude'; \
	[ "$$(uname)" != Linux ] || { [ -s build/missing.txt ] && [ -z "$$CI" ]; } || export KTTEST_DESKTOP=required

# The systems that the command line is shipped for.
TARGETS ?= linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64 windows-arm64

# What a program is made of; the last names the commit.
SOURCES = go.mod go.sum CHANGELOG.md assets callback cmd internal keychain tray $(wildcard .git/logs/HEAD)

# The linker writes a program through a map of memory, of which the system keeps each page by itself. One
# that was written like any file, as an installer does, it keeps in larger pieces: a start takes a tenth less.
REWRITE = rewrite() { cp "$$1" "$$1.new" && mv -f "$$1.new" "$$1"; } && rewrite

.PHONY: help build run demo test test-fast format vet lint size check desktops wine test-windows fuzz soak histories bench install uninstall programs packages packages-test reproducible app app-release app-keys app-test snapshot release facts clean setup-run setup-test setup-desktops

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 23

build: ## build bin/keytender and bin/keytender-tray
	CGO_ENABLED=0 $(EXPERIMENTS) $(BUILD) $(SMALL) -o $(BIN)/keytender ./cmd/keytender
	@$(REWRITE) $(BIN)/keytender
ifneq ($(shell uname),Darwin)
	@[ $(HAS_GTK) = 1 ] || echo "no gcc or no libayatana-appindicator3-dev: building the pure-Go tray instead of the GTK one"
endif
	CGO_ENABLED=$(HAS_GTK) $(BUILD) -o $(BIN)/keytender-tray ./cmd/keytender-tray
	@$(REWRITE) $(BIN)/keytender-tray

run: setup-run ## build, then start the tray; without a desktop, sign in on the terminal
	@$(MAKE) --no-print-directory build
	@packaging/start.sh

demo: setup-run ## build, then show the whole journey offline, with nothing real touched
	@$(MAKE) --no-print-directory build
	bin/keytender demo

test: setup-test format ## everything that must pass: format, vet and all tests with -race
	@# all modules now: the tests run go too, and are kept from the network; vetted they are already
	$(GO) mod download
	CGO_ENABLED=$(HAS_CC) $(GO) vet $(RACE) ./...
	@$(TESTENV); set -x; CGO_ENABLED=$(HAS_CC) $(GO) test $(RACE) -vet=off -timeout 90m ./...
	@[ ! -s build/missing.txt ] || { echo; echo "PASSED, BUT NOT EVERYTHING RAN. Missing here:"; sed 's/^/  /' build/missing.txt; }

# Without cgo nothing but Go is compiled, and what did not change comes from the cache. More tests at
# once than there are processors: most of them wait for something.
test-fast: format ## the tests without desktop, browser, npm and race detector, for the daily loop
	CGO_ENABLED=0 $(GO) test -short -p 8 -parallel 8 -timeout 10m ./...

format:
	@! gofmt -l assets callback cmd internal keychain packaging tray | grep . || { echo "gofmt would change these files"; exit 1; }

vet: format ## format, and go vet on three systems
	CGO_ENABLED=$(HAS_CC) $(GO) vet $(RACE) ./...
	CGO_ENABLED=0 $(GO) build ./...
	CGO_ENABLED=0 $(GO) vet ./...
	CGO_ENABLED=0 GOOS=windows $(GO) vet ./...
	CGO_ENABLED=0 GOOS=darwin $(GO) vet ./...
	CGO_ENABLED=0 GOOS=linux $(GO) build -tags childonly ./... # which `make bench` compares with

# The builds that staticcheck looks at together: what one of them uses is not unused.
define BUILDS
here: CGO_ENABLED=$(HAS_GTK)
pure: GOOS=linux CGO_ENABLED=0
fyne: GOOS=linux CGO_ENABLED=0 -tags=fynetray
bare: GOOS=linux CGO_ENABLED=0 -tags=notray
windows: GOOS=windows CGO_ENABLED=0
darwin: GOOS=darwin CGO_ENABLED=0
endef
export BUILDS

lint: ## actionlint over the workflows and shellcheck over the scripts, where they can be had
	@packaging/lint.sh

size: program-linux-amd64 ## hold the stripped command line below LARGEST bytes
	@size=$$(wc -c <dist/programs/linux-amd64/keytender); echo "the command line has $$size bytes, $(LARGEST) at most"; \
	  [ $$size -le $(LARGEST) ] || { echo "what weighs: go tool nm -size -sort size, of a build without -s -w"; exit 1; }

check: vet lint size ## vet, lint, the command line's size, go.mod, staticcheck and exhaustive on three systems and, where its database can be reached, govulncheck
	$(GO) mod tidy -diff
	echo "$$BUILDS" | $(GO) run $(STATICCHECK) -matrix ./...
	@# a switch names each state or has a default: a new state is found wherever it has to be thought of
	set -e; for os in linux windows darwin; do CGO_ENABLED=0 $(GO) run -exec "env GOOS=$$os" $(EXHAUSTIVE) -d ./...; done
	@mkdir -p build
	$(GO) run $(GOVULNCHECK) ./... >build/govulncheck.txt 2>&1 && cat build/govulncheck.txt || { cat build/govulncheck.txt; \
	  grep -q '^govulncheck: fetching vulnerabilities' build/govulncheck.txt && echo "the vulnerability database cannot be reached from here: not checked"; }

desktops: setup-desktops ## show the app on LXQt, MATE, GNOME Shell and waybar, pictures into artefacts/ to look at
	@packaging/desktops.sh $(DESKTOPS)

wine: ## run the Windows programs and their tests under Wine
	@packaging/wine.sh $(PACKAGES)

test-windows: ## on Windows: the tests, but those that read the source tree as on every system
	$(GO) vet ./...
	$(GO) test -timeout 15m $$($(GO) list ./... | grep -v -e /testguard$$ -e /officialtest$$)

fuzz: ## run each fuzz target for FUZZTIME (30s)
	@packaging/fuzz.sh $(FUZZTIME)

soak: setup-test ## run the soak tests for SOAK (10m)
	@$(TESTENV); set -x; KTTEST_SOAK=$(SOAK) $(GO) test $(RACE) -count=1 -timeout 0 -v -run '^TestSoak' ./...

histories: ## play N (1000) random histories of sign-ins, renewals, switches and faults
	$(GO) test -count=1 -timeout 0 -run '^TestHistories$$' ./internal/histories -rapid.checks=$(N)

bench: setup-test ## measure commands and the menu-bar app (idle for IDLE, 1m) beside their peers into docs/performance.md
	@$(MAKE) --no-print-directory build
	CGO_ENABLED=0 $(EXPERIMENTS) $(BUILD) $(SMALL),childonly -o build/childonly ./cmd/keytender
	@$(REWRITE) build/childonly
	$(GO) run ./internal/bench -idle $(IDLE) -former "$(FORMER)"

install: ## install both programs, icons, desktop entry, man pages and completions under PREFIX (/usr/local)
	@# what is there is used only if nothing is newer: after `make build`, root needs no Go
	@[ -x bin/keytender ] && [ -x bin/keytender-tray ] && [ -z "$$(find $(SOURCES) -type f -newer bin/keytender | head -n 1)" ] || \
	  $(MAKE) --no-print-directory build
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' packaging/install.sh install bin

uninstall: ## remove what `make install` installs, and nothing of a person's own
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' packaging/install.sh uninstall

programs: $(TARGETS:%=program-%) ## build what is shipped for all systems, without cgo, into dist/programs
	@mkdir -p dist/programs/here
	CGO_ENABLED=0 $(EXPERIMENTS) $(BUILD) $(SMALL) -o dist/programs/here/keytender ./cmd/keytender

program-%: export GOOS = $(word 1,$(subst -, ,$*))
program-%: export GOARCH = $(word 2,$(subst -, ,$*))
program-%: WINDOWED = $(if $(filter windows,$(GOOS)), -H=windowsgui)
program-%: EXE = $(if $(filter windows,$(GOOS)),.exe)
program-%:
	CGO_ENABLED=0 $(EXPERIMENTS) $(BUILD) $(SMALL) -o dist/programs/$*/keytender$(EXE) ./cmd/keytender
	@# on a Mac alone: its menu is built with its own headers
	@[ $(GOOS) = darwin ] || CGO_ENABLED=0 $(BUILD) -o dist/programs/$*/keytender-tray$(EXE) ./cmd/keytender-tray

packages: ## build .deb, .rpm, .apk and archlinux packages into dist/packages
	@$(MAKE) --no-print-directory programs TARGETS='linux-amd64 linux-arm64'
	packaging/packages.sh

reproducible: ## build the last commit twice from nothing, in different folders, and compare every byte
	packaging/reproducible.sh $(TARGETS)

packages-test: packages ## as root: install, use, upgrade and remove the .deb on a bare Debian; look into the others
	packaging/trial.sh

app: ## on a Mac: build dist/Keytender.app, the programs as macOS wants them, signed ad hoc
	@[ "$$(uname)" = Darwin ] || { echo "make app needs a Mac: the menu is built with its own headers"; exit 1; }
	@$(MAKE) --no-print-directory build
	packaging/macos/bundle.sh '$(VERSION)' bin dist

app-release: ## on a Mac: dist/app/Keytender-VERSION.zip for both processors, signed and notarised where that can be
	packaging/macos/app.sh

app-keys: # a workflow's: certificates from its secrets
	packaging/macos/keys.sh

app-test: ## on a Mac of nobody's (CI): a temporary keychain, the app in the menu bar, a screenshot
	packaging/macos/trial.sh

snapshot: packages ## archives, packages, checksums, bills of material and recipes into dist/release; publishes nothing
	packaging/release.sh snapshot

release: packages ## the same for the tag of this commit, and leave a draft of the release (GITHUB_TOKEN, OWNER)
	packaging/release.sh publish

facts: setup-test ## the tests with the real Claude Code against its newest version, as npm has it today
	npm install --prefix build/npm-latest --no-audit --no-fund --no-save @anthropic-ai/claude-code@latest
	build/npm-latest/node_modules/.bin/claude --version
	@$(TESTENV); export KTTEST_CLAUDE='$(CURDIR)/build/npm-latest/node_modules/.bin/claude'; set -x; \
	  $(GO) test -count=1 -v ./internal/fakeclaude/officialtest && $(GO) test -count=1 -v -run RealClient ./cmd/keytender

clean: ## remove what was built
	rm -rf bin build dist artefacts

setup-run setup-test setup-desktops: setup-%:
	@packaging/setup.sh $*
