#!/bin/sh
# packages.sh [ARCHS [FORMATS]]: packages (.deb, .rpm, .apk and archlinux) for each architecture
# (amd64 and arm64) from the programs in dist/programs, into PACKAGES (dist/packages).
# `make packages` calls it.
#
# The same commit always gives the same bytes. OWNER (of the repository), HOMEPAGE and MAINTAINER may be set.
set -eu
cd "$(dirname "$0")/.."

archs=${1:-amd64 arm64} formats=${2:-deb rpm apk archlinux} out=${PACKAGES:-dist/packages}
nfpm=$(packaging/tool.sh nfpm)
NUMBER=${VERSION:-$(packaging/version.sh number)}
SOURCE_DATE_EPOCH=$(packaging/version.sh epoch)
export NUMBER SOURCE_DATE_EPOCH
export HOMEPAGE="${HOMEPAGE:-${OWNER:+https://github.com/$OWNER/keytender}}" MAINTAINER="${MAINTAINER:-Keytender authors <keytender@localhost>}"

umask 022
mkdir -p "$out"
rm -f "$out"/*
for ARCH in $archs; do
	export ARCH STAGE="dist/stage/linux-$ARCH"
	rm -rf "$STAGE"
	RUN=dist/programs/here/keytender DESTDIR="$STAGE/tree" PREFIX=/usr \
		packaging/install.sh install "dist/programs/linux-$ARCH" >/dev/null
	mv "$STAGE/tree/usr/share/zsh/site-functions/_keytender" "$STAGE/"
	rm -r "$STAGE/tree/usr/share/zsh"
	gzip -9n "$STAGE"/tree/usr/share/man/man1/*.1 "$STAGE/tree/usr/share/doc/keytender/CHANGELOG.md"
	# nfpm gives two of the four formats its own idea of when a file was made
	find "$STAGE" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	for format in $formats; do
		number=$NUMBER
		case $format in
		# Alpine orders no words of ours, but knows a state of development by its day
		apk) number=$(echo "$NUMBER" | sed "s/-dev.*/-git$(packaging/version.sh date | tr -d -)/") ;;
		# nfpm would leave out what stands behind the dash, which no version has there
		archlinux) number=$(echo "$NUMBER" | sed -e 's/-//g' -e 's/+/./g') ;;
		esac
		said=$(NUMBER=$number "$nfpm" package --config packaging/nfpm.yaml --packager "$format" --target "$out/") ||
			{ echo "$said" >&2 && exit 1; }
	done
done
ls -l "$out"
