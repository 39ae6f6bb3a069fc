#!/bin/sh
# reproducible.sh [TARGET...]: builds the last commit twice and compares every byte: once in a
# clone, once from an archive without git in another folder, each with a build cache, a home, a
# time zone and a umask of its own. Targets are those of the Makefile (linux-amd64, ...); with
# linux-amd64 the packages are compared too. Two builds from nothing take their time.
set -eu
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64 windows-arm64
nfpm=$(packaging/tool.sh nfpm)
modules=$("${GO:-go}" env GOMODCACHE)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

one=$work/one two=$work/deeper/two
git clone --quiet --no-hardlinks . "$one"
git -C "$one" checkout --quiet --detach "$(git rev-parse HEAD)"
mkdir -p "$two"
git archive HEAD | tar -C "$two" -x

# build FOLDER TARGETS: prints the sums of what came out
build() {
	mkdir -p "$1/build/tools" "$1.home"
	cp -r "$(dirname "$nfpm")" "$1/build/tools/"
	(
		cd "$1"
		export HOME="$1.home" GOCACHE="$1.cache" GOMODCACHE="$modules"
		make --no-print-directory programs TARGETS="$2"
		case " $2 " in *" linux-amd64 "*) packaging/packages.sh amd64 ;; esac
	) >"$1.log" 2>&1 || { tail -n 5 "$1.log" >&2 && return 1; }
	(cd "$1/dist" && find programs packages -type f ! -path 'programs/here/*' 2>/dev/null | sort | xargs sha256sum)
}
(umask 022 && TZ=UTC build "$one" "$*") >"$work/one.sums"
(umask 077 && TZ=Asia/Tokyo build "$two" "$*") >"$work/two.sums"

diff "$work/one.sums" "$work/two.sums" || { echo "reproducible: the two builds differ" >&2 && exit 1; }
cat "$work/one.sums"
echo "the two builds of $(packaging/version.sh number) are the same, byte for byte"
