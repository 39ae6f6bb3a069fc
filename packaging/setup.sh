#!/bin/sh
# setup.sh run|test|desktops|wine|trial|lint|recipes: gets what building and running (run), all tests
# (test), a look at other desktops (desktops), the tests for Windows (wine), the trial of the
# packages (trial), of the recipes (recipes) or the linters (lint) need.
#
# On Debian and Ubuntu it installs packages with apt-get, as root or through a sudo that
# asks no password; elsewhere it lists what is missing. It never asks and never fetches Go.
# It fails only when Go is missing or too old. Whatever else could not be had stands in
# build/missing.txt afterwards, a line each, and the make targets go on without it.
#
# shellcheck disable=SC2086,SC2046 # lists are split into words
set -eu
cd "$(dirname "$0")/.."

case ${1-} in
run) lists=packaging/packages-run.txt ;;
test) lists="packaging/packages-run.txt packaging/packages-test.txt" ;;
desktops) lists="packaging/packages-run.txt packaging/packages-test.txt packaging/packages-desktops.txt" ;;
wine | trial | lint | recipes) lists=packaging/packages-$1.txt ;;
*) echo "usage: packaging/setup.sh run|test|desktops|wine|trial|lint|recipes" >&2 && exit 2 ;;
esac
npm_packages="@anthropic-ai/claude-code@2.1.329 oidc-provider@8.8.1 proper-lockfile@4.1.2"

say() { printf 'setup: %s\n' "$*" >&2; }

check_go() {
	want=$(awk '$1 == "go" { print $2 }' go.mod)
	# asked outside the module, or an older Go would fetch a newer one by itself
	have=$(cd / && GOTOOLCHAIN=local "${GO:-go}" env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//') || true
	[ "$(printf '%s\n' "$want" "${have:-0}" | sort -V | head -n 1)" = "$want" ] && return
	say "Go $want or newer is needed; here is ${have:-none}."
	say "The packages of most distributions are older. Take it from https://go.dev/dl/, then:"
	say "    tar -C /usr/local -xzf go*.tar.gz && export PATH=/usr/local/go/bin:\$PATH"
	exit 1
}

found() {
	for sign; do
		case $sign in
		pc:*) pkg-config --exists "${sign#pc:}" 2>/dev/null && return ;;
		/*) [ -e "$sign" ] && return ;;
		*) command -v "$sign" >/dev/null 2>&1 && return ;;
		esac
	done
	return 1
}

absent() {
	cat $lists | while read -r package signs; do
		case $package in '' | '#'*) continue ;; esac
		# unquoted: signs are words, and globs among them name files
		found $signs || echo "$package"
	done
}

# Prints how to become root without a question, "-" for being it; fails where there is no way.
root_by() {
	if [ "$(id -u)" = 0 ]; then
		echo -
	else
		sudo -n true 2>/dev/null && echo sudo
	fi
}

apt() {
	set -- apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@"
	[ "$as" = - ] || set -- sudo -n DEBIAN_FRONTEND=noninteractive "$@"
	DEBIAN_FRONTEND=noninteractive "$@" </dev/null >>build/apt.log 2>&1
}

install_packages() {
	packages=$(absent)
	[ -n "$packages" ] && command -v apt-get >/dev/null 2>&1 && as=$(root_by) || return 0
	say "installing" $packages
	: >build/apt.log
	apt install -y --no-install-recommends $packages && return
	apt update || true
	apt install -y --no-install-recommends $packages && return
	# one name that this release does not have must not keep the others out
	for package in $packages; do
		apt install -y --no-install-recommends "$package" || say "apt-get has no $package (build/apt.log)"
	done
}

install_npm() {
	[ "$(cat build/npm/installed 2>/dev/null)" = "$npm_packages" ] && return
	if command -v npm >/dev/null 2>&1; then
		say "installing $npm_packages from npm"
		mkdir -p build/npm
		if npm install --prefix build/npm --no-audit --no-fund --no-save --fetch-retries=1 --fetch-timeout=60000 \
			$npm_packages </dev/null >build/npm.log 2>&1; then
			printf '%s\n' "$npm_packages" >build/npm/installed
			return
		fi
		tail -n 3 build/npm.log >&2
	fi
	for package in $npm_packages; do
		echo "$package (npm): the tests that run it are skipped" >>build/missing.txt
	done
}

check_go
mkdir -p build
install_packages
absent >build/missing.txt
if [ -s build/missing.txt ]; then
	say "missing, under their Debian names:" $(cat build/missing.txt)
	say "to install them there: sudo apt-get install --no-install-recommends" $(cat build/missing.txt)
	say "going on with what works without"
fi
[ "$1" != test ] || install_npm
