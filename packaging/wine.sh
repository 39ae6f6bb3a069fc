#!/bin/sh
# wine.sh [PACKAGE...]: builds the Windows programs and the tests of these packages (./keychain;
# without any, all), runs them under Wine and lists what passed, failed and was skipped.
#
# Everything lies in build/wine: the Wine prefix, the programs, a log for each package.
# Nothing outside of it is written but the packages that setup.sh installs. Every call of Wine
# has a time limit. It fails when a test does.
#
# shellcheck disable=SC2086,SC2046 # calls and lists of packages are split into words
set -eu
cd "$(dirname "$0")/.."

packaging/setup.sh wine
GO=${GO:-go}
dir=$PWD/build/wine
mkdir -p "$dir"
for wine in /usr/lib/wine/wine64 "$(command -v wine64 || true)" "$(command -v wine || true)"; do
	[ -x "$wine" ] && break
done
[ -x "$wine" ] || { echo "wine: there is no Wine here" >&2; exit 1; }

export WINEPREFIX="$dir/prefix" WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml=
export GOOS=windows GOARCH=amd64 CGO_ENABLED=0
# how often renewals are killed: to start a program takes Wine half a second
export KTTEST_CRASH=40
unset DISPLAY WAYLAND_DISPLAY

# run SECONDS PROGRAM [ARGUMENT...]
run() {
	limit=$1
	shift
	timeout -k 10 "$limit" "$wine" "$@" </dev/null
}

# What a test that was cut off left running goes with it.
trap 'timeout 30 wineserver -k >/dev/null 2>&1 || true' EXIT
[ -f "$WINEPREFIX/system.reg" ] || run 180 wineboot -i >"$dir/wineboot.log" 2>&1 || {
	echo "wine: no prefix could be made (build/wine/wineboot.log)" >&2
	exit 1
}
# Wine 8 lacks a library that each Go program wants.
system="$WINEPREFIX/drive_c/windows/system32"
[ -f "$system/bcryptprimitives.dll" ] || (unset GOOS GOARCH && "$GO" run packaging/wine/random.go "$system")

# Go deletes whole folders by a call that Wine 8 answers with STATUS_NOT_IMPLEMENTED, which Go
# does not know from any Windows. The tests are built so that they go the way of an old Windows.
at="$("$GO" env GOROOT)/src/internal/syscall/windows/at_windows.go"
sed 's/case STATUS_INVALID_INFO_CLASS,/case NTStatus(0xC0000002), STATUS_INVALID_INFO_CLASS,/' "$at" >"$dir/at_windows.txt"
printf '{"Replace":{"%s":"%s"}}\n' "$at" "$dir/at_windows.txt" >"$dir/overlay.json"

echo "programs"
"$GO" build -trimpath -o "$dir/keytender.exe" ./cmd/keytender
"$GO" build -trimpath -ldflags -H=windowsgui -o "$dir/keytender-tray.exe" ./cmd/keytender-tray
failed=
for call in "keytender.exe version" "keytender.exe demo --headless" "keytender-tray.exe --version"; do
	if run 120 "$dir/${call%% *}" ${call#* } >"$dir/program.log" 2>&1; then
		echo "  ok    $call"
	else
		echo "  FAIL  $call ($?)" && sed 's/^/          /' "$dir/program.log"
		failed=1
	fi
done

# tests runs a package's tests from its folder, where testdata lies.
tests() {
	(cd "$folder" && run 1500 "$dir/$name.test.exe" -test.timeout 24m -test.v) >"$dir/$name.log" 2>&1
}

# list LOG: the failed tests and the skipped ones with the reason that stands above them.
list() {
	tr -d '\r' <"$1" | awk '
		/^ *--- FAIL/ { print "          failed   " $3; next }
		/^ *--- SKIP/ { print "          skipped  " $3 (reason == "" ? "" : ": " reason); next }
		/^ *--- PASS/ { next }
		/_test\.go:[0-9]+: / { reason = $0; sub(/^.*_test\.go:[0-9]+: /, "", reason); next }
		/^panic: / { print "          " $0 }'
}

# testguard reads the source tree with the go program, which is the same on every system.
[ $# -gt 0 ] || set -- $("$GO" list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | grep -v -e /testguard$ -e /officialtest$)
[ $# -gt 0 ] || exit 1
for package; do
	folder=$("$GO" list -f '{{.Dir}}' "$package")
	name=$("$GO" list -f '{{.ImportPath}}' "$package" | tr / -)
	echo "$package"
	"$GO" test -overlay "$dir/overlay.json" -c -o "$dir/$name.test.exe" "$package" || { failed=1; continue; }
	state=ok
	if ! tests; then
		# Wine 8 fails to start a process now and then.
		if grep -q 'fork/exec.*Internal error' "$dir/$name.log"; then
			echo "  again: Wine could not start a process"
			tests || state=FAIL failed=1
		else
			state=FAIL failed=1
		fi
	fi
	printf '  %-4s  %s passed, %s failed, %s skipped (build/wine/%s.log)\n' "$state" \
		"$(grep -c -e '--- PASS' "$dir/$name.log" || true)" "$(grep -c -e '--- FAIL' "$dir/$name.log" || true)" \
		"$(grep -c -e '--- SKIP' "$dir/$name.log" || true)" "$name"
	list "$dir/$name.log"
done
[ -z "$failed" ]
