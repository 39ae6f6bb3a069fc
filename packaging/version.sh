#!/bin/sh
# version.sh number|commit|date|epoch|ldflags: what a build of this tree is stamped with.
#
# number   1.2.3 at the tag v1.2.3; else the version that CHANGELOG.md begins with, as 1.2.3-dev+COMMIT
# commit   abbreviated; date: of the commit, in UTC; epoch: the same in seconds, for SOURCE_DATE_EPOCH
# ldflags  all of it for the Go linker, so that every way of building stamps alike
#
# Nothing here depends on the day or the folder of the build. VERSION in the environment is the number.
set -eu
cd "$(dirname "$0")/.."

# An archive of a commit has no .git; git writes what is to be known into this line (.gitattributes).
# shellcheck disable=SC2016 # git writes there, not the shell
archived='$Format:%H %ct %D$'

next=$(sed -n 's/^## \([0-9][0-9.]*\) (.*/\1/p' CHANGELOG.md | head -n 1)
commit='' epoch=0 tag='' changed=''
case $archived in
*Format:*)
	# our own repository, not one that a copy of the tree lies in
	if [ -e .git ] && commit=$(git rev-parse --short=9 HEAD 2>/dev/null); then
		epoch=$(git log -1 --format=%ct)
		tag=$(git tag --points-at HEAD --list 'v[0-9]*' | sed -n '$s/^v//p')
		[ -z "$(git status --porcelain --untracked-files=no)" ] || changed=.changed
	fi
	;;
*)
	commit=$(echo "$archived" | cut -c1-9) epoch=$(echo "$archived" | cut -d' ' -f2)
	tag=$(echo "$archived" | sed -n 's/.*tag: v\([0-9][^,]*\).*/\1/p')
	;;
esac
number=${VERSION:-$tag}
if [ -z "$number" ] || { [ -z "${VERSION-}" ] && [ -n "$changed" ]; }; then
	number=$next-dev${commit:++$commit}$changed
fi
date=
[ -z "$commit" ] || date=$(date -u -d "@$epoch" +%F 2>/dev/null || date -u -r "$epoch" +%F)

case ${1-} in
number) echo "$number" ;;
commit) echo "$commit" ;;
date) echo "$date" ;;
epoch) echo "$epoch" ;;
ldflags)
	at=keytender/internal/version
	# functions stand as close as they can: 200 KB less than on the 32 bytes that suit a long loop
	echo "-s -w -funcalign=1 -X $at.number=$number -X $at.commit=$commit -X $at.date=$date"
	;;
*) echo "usage: packaging/version.sh number|commit|date|epoch|ldflags" >&2 && exit 2 ;;
esac
