#!/bin/sh
# What the person ada does on the machine that trial.sh made. Nothing is there but
# Debian and the package.
set -eu
cd "$HOME"
fail() { echo "$*" >&2 && exit 1; }

case $1 in
take-over) # a login that Claude Code is said to have left
	end=$(($(date +%s) + 36000))000
	printf '{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-a","refreshToken":"sk-ant-ort01-FAKE-r","expiresAt":%s,"scopes":["user:inference","user:profile"],"subscriptionType":"max"}}' "$end" |
		env KEYTENDER_STORE=file keytender import -
	[ "$(keytender token)" = sk-ant-oat01-FAKE-a ] || fail "the login was not taken over"
	;;
version)
	[ "$(keytender version | cut -d' ' -f2)" = "$2" ] || fail "$(keytender version), not $2"
	[ "$(keytender-tray --version | cut -d' ' -f2)" = "$2" ] || fail "$(keytender-tray --version), not $2"
	[ "$(keytender token)" = sk-ant-oat01-FAKE-a ] || fail "the upgrade lost the login"
	;;
look)
	man --where keytender keytender-login >/dev/null
	man keytender-login | grep -q -- --no-browser || fail "man shows nothing"
	for verb in $(keytender __complete "" 2>/dev/null | sed -n 's/^\([a-z-]*\)\t.*/\1/p'); do
		case $verb in help) continue ;; esac
		man --where "keytender-$verb" >/dev/null || fail "no man page for $verb"
	done
	XDG_RUNTIME_DIR=$HOME systemd-analyze --user verify /usr/lib/systemd/user/keytender.service >unit.txt 2>&1 || { cat unit.txt && fail "systemd does not take the unit"; }
	rm -f unit.txt
	desktop-file-validate /usr/share/applications/keytender.desktop
	bash -c '. /usr/share/bash-completion/completions/keytender && complete -p keytender' >/dev/null
	;;
demo)
	keytender demo --headless >demo.txt 2>&1 || { cat demo.txt && fail "the demo failed"; }
	grep -q 'Signed in as' demo.txt || { cat demo.txt && fail "the demo signed nobody in"; }
	rm demo.txt
	;;
app) # the panel shows the icon
	export DISPLAY=:7 XDG_RUNTIME_DIR=/tmp/ada
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	DBUS_SESSION_BUS_ADDRESS=unix:path=$XDG_RUNTIME_DIR/bus
	export DBUS_SESSION_BUS_ADDRESS
	Xvfb :7 -screen 0 900x500x24 -nolisten tcp >/dev/null 2>&1 &
	display=$!
	dbus-daemon --session --nofork --address="$DBUS_SESSION_BUS_ADDRESS" >/dev/null 2>&1 &
	bus=$!
	sleep 2
	openbox >/dev/null 2>&1 &
	xfce4-panel --disable-wm-check >/dev/null 2>&1 &
	begun=$(date +%s)
	keytender-tray >app.txt 2>&1 &
	app=$!
	shown() {
		dbus-send --session --print-reply --dest=org.kde.StatusNotifierWatcher /StatusNotifierWatcher \
			org.freedesktop.DBus.Properties.Get string:org.kde.StatusNotifierWatcher string:RegisteredStatusNotifierItems 2>/dev/null | grep string
	}
	for _ in $(seq 60); do
		! shown >/dev/null || break
		kill -0 $app || { cat app.txt && fail "the app ended"; }
		sleep 1
	done
	shown || { cat app.txt && fail "no icon within a minute"; }
	echo "the icon was there after $(($(date +%s) - begun)) s"
	keytender status --json | grep -q '"tray":{"running":true}' || fail "the command line does not see the app"
	sleep 3
	import -window root /tmp/app.png
	kill $app
	wait $app || [ $? = 143 ] || fail "the app did not end well"
	kill $bus $display
	rm -f app.txt
	;;
kept)
	grep -q FAKE-r .config/keytender/credentials.json .local/share/keytender/credentials.json .local/state/keytender/credentials.json 2>/dev/null ||
		fail "the person's login is gone: $(find . -name '*.json')"
	;;
esac
