#!/bin/sh
# release.sh snapshot|publish: archives, checksums, bills of material and recipes into
# dist/release, with the packages of dist/packages and the app of dist/app where they are;
# publish also leaves a draft of the release (GITHUB_TOKEN). `make snapshot` and `make release`.
#
# OWNER: whose the repository is. GPG_KEY: signs SHA256SUMS, or GPG_PRIVATE_KEY does, which a
# workflow has (gpg --armor --export-secret-keys); without either that is said and left out.
set -eu
cd "$(dirname "$0")/.."

what=${1-}
case $what in snapshot | publish) ;; *) echo "usage: packaging/release.sh snapshot|publish" >&2 && exit 2 ;; esac
if [ -n "${GPG_PRIVATE_KEY-}" ]; then
	# in a home of its own, for this run alone
	GNUPGHOME=$(mktemp -d)
	export GNUPGHOME
	trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT
	printf '%s\n' "$GPG_PRIVATE_KEY" | gpg --batch --quiet --import
	GPG_KEY=$(gpg --batch --list-secret-keys --with-colons | awk -F: '$1 == "fpr" { print $10; exit }')
	unset GPG_PRIVATE_KEY
fi
goreleaser=$(packaging/tool.sh goreleaser)
syft=$(packaging/tool.sh syft)

export OWNER="${OWNER:-OWNER}" GPG_KEY="${GPG_KEY-}"
export HOMEPAGE="${HOMEPAGE:-https://github.com/$OWNER/keytender}"
NUMBER=$(packaging/version.sh number)
LDFLAGS=$(packaging/version.sh ldflags)
export NUMBER LDFLAGS
PATH=$(dirname "$syft"):$PATH

skip=
[ -n "$GPG_KEY" ] || { echo "release: no GPG_KEY and no GPG_PRIVATE_KEY: SHA256SUMS is not signed" >&2 && skip=sign; }
[ -n "$(ls dist/app/*.zip 2>/dev/null)" ] || echo "release: no dist/app: the app for macOS is not in it (make app, on a Mac)" >&2
[ -n "$(ls dist/packages/* 2>/dev/null)" ] || { echo "release: no dist/packages: make packages" >&2 && exit 1; }

for system in linux darwin windows; do
	stage=dist/stage/archive/$system
	rm -rf "$stage"
	mkdir -p "$stage"
	if [ $system = windows ]; then
		cp LICENSE README.md CHANGELOG.md THIRD_PARTY.md "$stage/"
		continue
	fi
	SYSTEM=$system RUN=dist/programs/here/keytender DESTDIR="$stage" PREFIX=/ packaging/install.sh install dist/programs/here >/dev/null
	rm -r "${stage:?}/bin"
	cp README.md "$stage/share/doc/keytender/"
done

# the newest version's part of the page
sed -n '/^## /{n;:a;/^## /q;p;n;ba}' CHANGELOG.md >dist/notes.md

if [ "$what" = snapshot ]; then
	"$goreleaser" release --config packaging/goreleaser.yaml --clean --snapshot ${skip:+--skip="$skip"}
else
	case $NUMBER in *-dev*) echo "release: $NUMBER is no release: tag the commit" >&2 && exit 1 ;; esac
	"$goreleaser" release --config packaging/goreleaser.yaml --clean --release-notes dist/notes.md ${skip:+--skip="$skip"}
fi
packaging/recipes.sh dist/release
packaging/recipes-try.sh dist/release

# what was packed is whole, and the archive for this machine runs once it is unpacked
(cd dist/release && sha256sum --quiet --ignore-missing -c SHA256SUMS)
[ -n "$skip" ] || gpg --batch --quiet --verify dist/release/SHA256SUMS.sig dist/release/SHA256SUMS
rm -rf dist/stage/try
mkdir -p dist/stage/try
tar -C dist/stage/try --strip-components=1 -xzf "dist/release/keytender_${NUMBER}_linux_$("${GO:-go}" env GOHOSTARCH).tar.gz"
said=$(dist/stage/try/bin/keytender version)
case $said in "keytender $NUMBER ($(packaging/version.sh commit), "*) ;; *) echo "release: the archive holds $said" >&2 && exit 1 ;; esac
dist/stage/try/bin/keytender demo --headless >dist/stage/demo.txt 2>&1 || { cat dist/stage/demo.txt >&2 && exit 1; }
ls dist/release
