#!/bin/sh
# install.sh install|uninstall|list BIN: the programs in the folder BIN with all that belongs
# to them, under DESTDIR and PREFIX (/usr/local). Packages and archives are filled by it too, so
# that there is one list. Nothing of a person's own is touched.
#
# RUN is a keytender that runs here, where the ones in BIN are for another machine: completions
# come out of it.
set -eu
cd "$(dirname "$0")/.."

what=${1-} bin=${2:-bin}
prefix=${DESTDIR-}${PREFIX:-/usr/local}
run=${RUN:-$bin/keytender}

# mode, source, place under the prefix
files() {
	echo "755 $bin/keytender bin/keytender"
	[ ! -e "$bin/keytender-tray" ] || echo "755 $bin/keytender-tray bin/keytender-tray"
	if [ "${SYSTEM:-linux}" = linux ]; then
		echo "644 packaging/keytender.desktop share/applications/keytender.desktop"
		echo "644 packaging/keytender.service lib/systemd/user/keytender.service"
		for size in 48 256; do
			echo "644 assets/icons/keytender-$size.png share/icons/hicolor/${size}x$size/apps/keytender.png"
		done
	fi
	for page in packaging/man/*.1; do
		echo "644 $page share/man/man1/${page##*/}"
	done
	echo "644 completion:bash share/bash-completion/completions/keytender"
	echo "644 completion:zsh share/zsh/site-functions/_keytender"
	echo "644 completion:fish share/fish/vendor_completions.d/keytender.fish"
	echo "644 LICENSE share/doc/keytender/copyright"
	for page in THIRD_PARTY.md CHANGELOG.md; do
		echo "644 $page share/doc/keytender/$page"
	done
}

case $what in
list) files ;;
install)
	files | while read -r mode source place; do
		mkdir -p "$prefix/$(dirname "$place")"
		case $source in
		completion:*)
			"$run" completion "${source#*:}" >"$prefix/$place"
			chmod "$mode" "$prefix/$place"
			;;
		*) install -m "$mode" "$source" "$prefix/$place" ;;
		esac
	done
	echo "installed under $prefix"
	;;
uninstall)
	files | while read -r _ _ place; do
		rm -f "$prefix/$place"
	done
	# what an earlier version had and this one has not
	rm -f "$prefix/bin/keytender-tray" "$prefix"/share/man/man1/keytender-*.1
	[ ! -d "$prefix/share/doc/keytender" ] || rmdir "$prefix/share/doc/keytender"
	echo "removed from $prefix; logins stay where they are (\`keytender logout\` removes them, and was to be run before)"
	;;
*) echo "usage: packaging/install.sh install|uninstall|list [BIN]" >&2 && exit 2 ;;
esac
