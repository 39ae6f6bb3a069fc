#!/bin/sh
# recipes-try.sh DIR: what can be shown of DIR's recipes away from the systems that they are for.
# The archives' PKGBUILD is built by makepkg from the archive beside it, whose sum it must name;
# Homebrew's are read by ruby, and Nix's is read by Nix. What lacks its tool here is said.
set -eu
cd "$(dirname "$0")/.."
dir=$1

packaging/setup.sh recipes
has() { command -v "$1" >/dev/null 2>&1 || { echo "recipes: no $1 here: $2 not tried" >&2 && return 1; }; }
fail() { echo "recipes: $*" >&2 && exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if has ruby "Homebrew's"; then
	for recipe in "$dir"/recipes/*.rb; do
		ruby -c "$recipe" >/dev/null || fail "ruby does not read $recipe"
		echo "ok  $recipe: read by ruby"
	done
fi
if has nix-instantiate "Nix's"; then
	HOME=$work nix-instantiate --parse "$dir/recipes/keytender.nix" >"$work/nix" 2>&1 || { cat "$work/nix" && fail "Nix does not read its recipe"; }
	echo "ok  $dir/recipes/keytender.nix: read by Nix"
fi
if has makepkg "the AUR's"; then
	cp "$dir/aur/keytender-bin.pkgbuild" "$work/PKGBUILD"
	# makepkg fetches nothing that lies there under the name that it is to get
	# shellcheck disable=SC2016 # bash fills them in
	bash -c '. "$1" && echo "${source_x86_64%%::*} ${source_x86_64##*/}"' - "$work/PKGBUILD" >"$work/source"
	read -r name archive <"$work/source"
	cp "$dir/$archive" "$work/$name"
	# it refuses to run as root
	as=
	[ "$(id -u)" != 0 ] || { chown -R nobody "$work" && as="setpriv --reuid nobody --clear-groups"; }
	# shellcheck disable=SC2086 # words
	(cd "$work" && HOME=$work CARCH=x86_64 $as makepkg --nodeps) >"$work/log" 2>&1 || { cat "$work/log" && fail "makepkg"; }
	tar --zstd -tf "$work"/*.pkg.tar.zst 2>/dev/null >"$work/list" || tar -tf "$work"/*.pkg.tar* >"$work/list"
	for file in bin/keytender bin/keytender-tray lib/systemd/user/keytender.service share/licenses/keytender-bin/LICENSE; do
		grep -qx "usr/$file" "$work/list" || fail "the AUR's package lacks usr/$file"
	done
	echo "ok  $dir/aur/keytender-bin.pkgbuild: built by makepkg"
fi
