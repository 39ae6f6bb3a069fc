#!/bin/sh
# trial.sh: what only a real Mac shows, on one that is nobody's own (CI must be set): Claude
# Code's item in a real keychain, written by us and read as Claude Code reads it, without a
# dialog; and the app in the menu bar, with a screenshot in artefacts/. `make app-test`.
#
# The person's default keychain and search list are changed meanwhile and put back. A dialog
# would wait for ever: every call has a time limit. Not yet run: no Mac was at hand.
set -eu
cd "$(dirname "$0")/../.."
[ "$(uname)" = Darwin ] || { echo "trial: needs a Mac" >&2 && exit 1; }
[ -n "${CI-}" ] || { echo "trial: changes the default keychain: set CI on a Mac that is nobody's own" >&2 && exit 1; }

bin=$PWD/dist/Keytender.app/Contents/MacOS
work=$(mktemp -d)
keychain=$work/trial.keychain-db
service="Claude Code-credentials"
export KEYTENDER_HOME="$work/home" KEYTENDER_STORE=keychain

fail() {
	echo "trial: $*" >&2
	exit 1
}
within() { perl -e 'alarm shift; exec @ARGV' "$@"; }

default=$(security default-keychain -d user | sed -e 's/^ *"//' -e 's/"$//')
app=
cleanup() {
	[ -z "$app" ] || kill "$app" 2>/dev/null || true
	security list-keychains -d user -s "$default"
	security default-keychain -d user -s "$default"
	security delete-keychain "$keychain" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
security create-keychain -p trial "$keychain"
security set-keychain-settings "$keychain"
security unlock-keychain -p trial "$keychain"
security list-keychains -d user -s "$keychain"
security default-keychain -d user -s "$keychain"

# an item as Claude Code leaves it: signed out, with 20 KB of others' data
python3 - >"$work/before" <<'PYTHON'
import json
print(json.dumps({"mcpOAuth": {"server|%d" % n: {"accessToken": "FAKE" + "x" * 900, "n": n} for n in range(22)}}, separators=(",", ":")), end="")
PYTHON
security add-generic-password -U -s "$service" -a "$USER" -w "$(cat "$work/before")" "$keychain"

printf '{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-a","refreshToken":"sk-ant-ort01-FAKE-r","expiresAt":%s000,"scopes":["user:inference","user:profile"],"subscriptionType":"max"}}' \
	"$(($(date +%s) + 36000))" | within 60 "$bin/keytender" import -
within 60 "$bin/keytender" mirror
within 10 security find-generic-password -s "$service" -a "$USER" -w >"$work/after" || fail "the item cannot be read"
python3 - "$work/before" "$work/after" <<'PYTHON' || fail "the item is not as Claude Code needs it"
import json, sys
before, after = (open(path).read() for path in sys.argv[1:])
after = after.removesuffix("\n")
entry = json.loads(after)
assert all(" " <= c <= "~" for c in after), "not printable ASCII on one line"
assert json.dumps(entry, separators=(",", ":")) == after, "not compact"
assert entry["mcpOAuth"] == json.loads(before)["mcpOAuth"], "others' data changed"
assert entry["claudeAiOauth"]["accessToken"] == "sk-ant-oat01-FAKE-a", "not our token"
assert len(after) > 20000, len(after)
PYTHON
within 60 "$bin/keytender" status --json | grep -q '"state":"in-step"' || fail "status does not say in-step"
echo "ok  the entry in a real keychain, $(wc -c <"$work/after") bytes"

"$bin/keytender-tray" >"$work/app.log" 2>&1 &
app=$!
for _ in $(seq 30); do
	! within 10 "$bin/keytender" status --json | grep -q '"tray":{"running":true}' || break
	kill -0 "$app" || { cat "$work/app.log" && fail "the app ended"; }
	sleep 1
done
sleep 5
mkdir -p artefacts
screencapture -x artefacts/macos-app.png
within 10 "$bin/keytender" status --json | grep -q '"tray":{"running":true}' || { cat "$work/app.log" && fail "the app does not run"; }
kill "$app"
for _ in $(seq 5); do
	kill -0 "$app" 2>/dev/null || break
	sleep 1
done
! kill -0 "$app" 2>/dev/null || fail "the app does not end"
app=
echo "ok  the app; look at artefacts/macos-app.png"
