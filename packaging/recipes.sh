#!/bin/sh
# recipes.sh DIR: fills the Homebrew formula, the cask and the Nix recipe beside this script with
# version and sums from DIR/SHA256SUMS, into DIR/recipes. What is not among the sums (the app of
# a build without a Mac) makes its recipe be left out, and is said.
set -eu
cd "$(dirname "$0")/.."
dir=$1
version=${NUMBER:-$(packaging/version.sh number)}
homepage=${HOMEPAGE:-https://github.com/OWNER/keytender}

mkdir -p "$dir/recipes"
sum() { awk -v name="$1" '$2 == name { print $1 }' "$dir/SHA256SUMS"; }
for template in packaging/recipes/*.in; do
	recipe=$dir/recipes/$(basename "$template" .in)
	sed -e "s|@VERSION@|$version|g" -e "s|@HOMEPAGE@|$homepage|g" "$template" >"$recipe"
	# shellcheck disable=SC2013 # no place holds a space
	for place in $(grep -o '@SUM:[^@]*@' "$template" | sort -u); do
		file=$(echo "$place" | sed -e 's/^@SUM://' -e 's/@$//' -e "s/VERSION/$version/")
		value=$(sum "$file")
		[ -n "$value" ] || { echo "recipes: no $file: $(basename "$recipe") is left out" >&2 && rm -f "$recipe" && break; }
		sed -i.old "s|$place|$value|" "$recipe" && rm "$recipe.old"
	done
done
