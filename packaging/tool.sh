#!/bin/sh
# tool.sh NAME: prints the path of a tool for packaging or checking, built once into
# build/tools from the version that is pinned here. Fails where it cannot be had.
set -eu
cd "$(dirname "$0")/.."

case ${1-} in
actionlint) module=github.com/rhysd/actionlint/cmd/actionlint@v1.7.7 ;;
goreleaser) module=github.com/goreleaser/goreleaser/v2@v2.15.1 ;;
nfpm) module=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2 ;;
syft) module=github.com/anchore/syft/cmd/syft@v1.52.0 ;;
*) echo "tool.sh: no such tool: ${1-}" >&2 && exit 2 ;;
esac

dir=$PWD/build/tools/$1-${module##*@}
if [ ! -x "$dir/$1" ]; then
	echo "building $module" >&2
	mkdir -p "$dir"
	GOBIN=$dir GOFLAGS='' GOOS='' GOARCH='' CGO_ENABLED=0 "${GO:-go}" install "$module" >"$dir/build.log" 2>&1 ||
		{ tail -n 3 "$dir/build.log" >&2 && exit 1; }
fi
echo "$dir/$1"
