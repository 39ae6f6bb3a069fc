#!/bin/sh
# lint.sh: actionlint over the workflows, which also knows their shell, and shellcheck over every
# script. `make lint` calls it. Where one cannot be had that is said; in CI it is a failure.
set -eu
cd "$(dirname "$0")/.."

without() {
	echo "lint: $1: not checked" >&2
	[ -z "${CI-}" ] || exit 1
}

packaging/setup.sh lint
if command -v shellcheck >/dev/null 2>&1; then
	git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck
else
	without "there is no shellcheck"
fi
if actionlint=$(packaging/tool.sh actionlint); then
	"$actionlint"
else
	without "actionlint could not be built"
fi
