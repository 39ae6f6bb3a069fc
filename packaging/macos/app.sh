#!/bin/sh
# app.sh: on a Mac, dist/app/Keytender-VERSION.zip for both kinds of processors. Without an
# identity it is signed ad hoc, and that is said; with one (SIGN_IDENTITY, "Developer ID
# Application: …") it is signed for the hardened runtime, and notarised where NOTARY_PROFILE
# names what `xcrun notarytool store-credentials` keeps.
set -eu
cd "$(dirname "$0")/../.."
[ "$(uname)" = Darwin ] || { echo "app.sh: needs a Mac: the menu is built with its own headers" >&2 && exit 1; }

version=$(packaging/version.sh number)
for arch in amd64 arm64; do
	GOARCH=$arch make --no-print-directory build BIN="dist/programs/darwin-$arch"
done
both=dist/programs/darwin-both
mkdir -p "$both" dist/app
for program in keytender keytender-tray; do
	lipo -create -output "$both/$program" "dist/programs/darwin-amd64/$program" "dist/programs/darwin-arm64/$program"
done
packaging/macos/bundle.sh "$version" "$both" dist

zip=dist/app/Keytender-$version.zip
rm -f dist/app/*.zip
pack() { ditto -c -k --keepParent dist/Keytender.app "$zip"; }
pack
if [ -n "${SIGN_IDENTITY-}" ] && [ -n "${NOTARY_PROFILE-}" ]; then
	xcrun notarytool submit "$zip" --keychain-profile "$NOTARY_PROFILE" \
		${NOTARY_KEYCHAIN:+--keychain "$NOTARY_KEYCHAIN"} --wait --timeout 30m
	xcrun stapler staple dist/Keytender.app
	rm "$zip"
	pack
else
	echo "app.sh: no SIGN_IDENTITY or no NOTARY_PROFILE: not notarised; macOS asks before it opens the app" >&2
fi
ls -l dist/app
