#!/bin/sh
# keys.sh: in a workflow on a Mac, puts the certificate for signing (MACOS_CERTIFICATE, a .p12 in
# base64, and its MACOS_CERTIFICATE_PASSWORD) and the key for notarising (NOTARY_KEY, a .p8 in
# base64, NOTARY_KEY_ID, NOTARY_ISSUER) where packaging/macos/app.sh finds them, for this job
# alone. Where a secret is missing it says so, and the app is signed ad hoc. `make app-keys`.
# Not yet run: no Mac was at hand.
set -eu
[ -n "${GITHUB_ENV-}" ] || { echo "keys: for a workflow's job alone" >&2 && exit 1; }
if [ -z "${MACOS_CERTIFICATE-}" ]; then
	echo "keys: no MACOS_CERTIFICATE: the app is signed ad hoc, and not notarised"
	exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
# its password is needed by nobody after this; the runner is thrown away
keychain=$RUNNER_TEMP/signing.keychain-db password=$(uuidgen)
printf '%s' "$MACOS_CERTIFICATE" | base64 -d >"$work/certificate.p12"
security create-keychain -p "$password" "$keychain"
security set-keychain-settings -t 3600 "$keychain"
security unlock-keychain -p "$password" "$keychain"
security import "$work/certificate.p12" -k "$keychain" -P "$MACOS_CERTIFICATE_PASSWORD" -T /usr/bin/codesign
security set-key-partition-list -S apple-tool:,apple: -k "$password" "$keychain" >/dev/null
security list-keychains -d user -s "$keychain" login.keychain-db
identity=$(security find-identity -v -p codesigning "$keychain" | sed -n 's/.*"\(Developer ID Application: .*\)"/\1/p' | head -n 1)
[ -n "$identity" ] || { echo "keys: the certificate is no Developer ID Application" >&2 && exit 1; }
echo "SIGN_IDENTITY=$identity" >>"$GITHUB_ENV"

if [ -z "${NOTARY_KEY-}" ]; then
	echo "keys: no NOTARY_KEY: the app is signed, and not notarised"
	exit
fi
printf '%s' "$NOTARY_KEY" | base64 -d >"$work/notary.p8"
xcrun notarytool store-credentials keytender --key "$work/notary.p8" --key-id "$NOTARY_KEY_ID" --issuer "$NOTARY_ISSUER" \
	--keychain "$keychain"
echo "NOTARY_PROFILE=keytender" >>"$GITHUB_ENV"
echo "NOTARY_KEYCHAIN=$keychain" >>"$GITHUB_ENV"
