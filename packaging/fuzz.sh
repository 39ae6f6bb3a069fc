#!/bin/sh
# Runs each fuzz target for so long (30s), two at a time with one worker each, and prints
# a line for each; the whole output only of one that failed. `make fuzz` calls it.
set -u
cd "$(dirname "$0")/.." || exit 1
GO=${GO:-go} TIME=${1:-30s}
export CGO_ENABLED=0 # nothing here needs a C compiler, nor the tray's headers

if [ $# -eq 3 ]; then # one target
	output=build/fuzz/$(echo "$2" | tr / -)-$3.txt
	for _ in 1 2; do
		"$GO" test -run '^$' -fuzz "^$3\$" -fuzztime "$TIME" -fuzzminimizetime 1s -parallel 1 "$2" >"$output" 2>&1
		status=$?
		[ $status -eq 0 ] && echo "done  $2 $3: $(grep '^fuzz: elapsed' "$output" | tail -n 1 | sed 's/^fuzz: //')" && exit 0
		# Go before 1.27 may take its own time limit for a failure (go.dev/issue/75804). An
		# input that hangs looks the same, but does so again.
		# shellcheck disable=SC2015 # neither of the two ends the loop's turn
		grep -q 'context deadline exceeded' "$output" && ! grep -q -e 'Failing input' -e 'panic:' "$output" || break
		echo "again $2 $3: it failed with nothing but its time limit"
	done
	echo "FAIL  $2 $3"
	sed 's/^/      /' "$output"
	input=$(sed -n 's/^ *Failing input written to //p' "$output")
	[ -z "$input" ] || { echo "FAIL  $2 $3 with this input:"; sed 's/^/      /' "$2/$input"; }
	exit 1
fi

mkdir -p build/fuzz
# A package that does not compile is a failure, not one without targets.
list=$(grep -rl --include='*_test.go' '^func Fuzz' . | sed 's|/[^/]*$||' | sort -u | while read -r package; do
	found=$("$GO" test -list '^Fuzz' "$package") || { echo "$found" >&2; exit 1; }
	echo "$found" | sed -n "s|^Fuzz.*|$package &|p"
done) || exit 1
echo "$(echo "$list" | wc -l) targets, $TIME each, two at a time"
echo "$list" | xargs -n 2 -P 2 "$0" "$TIME" || { echo "a target failed: its input lies in testdata/fuzz of its package; make it a test"; exit 1; }
