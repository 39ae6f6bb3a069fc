#!/bin/sh
# bundle.sh VERSION BIN OUT: OUT/Keytender.app from the two programs in BIN. The command line
# lies beside the app's program, since `keytender tray` and `keytender autostart` look there.
set -eu
version=$1 bin=$2 out=$3
here=$(dirname "$0")

# macOS wants numbers alone; a version that is only a commit has none
numbers=$(printf '%s\n' "$version" | sed -E -e 's/^v?([0-9]+(\.[0-9]+){1,2}).*/\1/' -e t -e 's/.*/0.0.0/')

app=$out/Keytender.app
rm -rf "$app"
mkdir -p "$app/Contents/MacOS" "$app/Contents/Resources"
sed "s/@VERSION@/$numbers/" "$here/Info.plist" >"$app/Contents/Info.plist"
cp "$bin/keytender" "$bin/keytender-tray" "$app/Contents/MacOS/"
"${GO:-go}" run "$here/../../assets/icons/generate.go" "$app/Contents/Resources/Keytender.icns"
if command -v codesign >/dev/null 2>&1; then
	# The hardened runtime, with no exception from it: a Go program makes no code at run time and
	# loads none but the system's. Ad hoc (-) there is nobody to vouch for a time.
	identity=${SIGN_IDENTITY:--} time=--timestamp
	[ "$identity" != - ] || time=--timestamp=none
	codesign --force --sign "$identity" --options runtime "$time" --identifier keytender "$app/Contents/MacOS/keytender"
	codesign --force --sign "$identity" --options runtime "$time" "$app"
	codesign --verify --strict "$app"
else
	echo "no codesign here: the app is not signed, and macOS will not start it" >&2
fi
echo "$app"
