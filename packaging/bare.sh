#!/bin/sh
# bare.sh test|run [DIR]: shows that a bare Debian, with Go, git and make and nothing else,
# gets through `make test`, or that `make run` without a desktop comes as far as the
# sign-in's addresses. Everything happens in a debootstrap folder (DIR, default
# /var/tmp/keytender-bare) with a clone of the last commit. Needs root and debootstrap.
set -eu
cd "$(dirname "$0")/.."

what=${1-} dir=${2:-/var/tmp/keytender-bare}
case $what in test | run) ;; *) echo "usage: packaging/bare.sh test|run [DIR]" >&2 && exit 2 ;; esac
[ "$(id -u)" = 0 ] || { echo "bare.sh: needs root" >&2 && exit 1; }
# in namespaces of its own: mounts and processes end with it
[ -n "${BARE_INSIDE-}" ] || BARE_INSIDE=1 exec unshare --mount --pid --fork --kill-child "$0" "$what" "$dir"

packaging/debian.sh "$dir" git make

cp -r "$(go env GOROOT)" "$dir/usr/local/go"
git clone --quiet --no-hardlinks . "$dir/root/keytender"
# bare.sh is as new as the person who runs it; what it tests is what is committed
[ -z "$(git status --porcelain)" ] || echo "bare.sh: uncommitted changes are not in it" >&2

mount -t proc proc "$dir/proc"
mount --rbind /dev "$dir/dev"
inside() {
	env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
		GOPROXY="$(go env GOPROXY)" GOSUMDB="$(go env GOSUMDB)" ${HTTPS_PROXY+"HTTPS_PROXY=$HTTPS_PROXY"} \
		chroot "$dir" sh -c "cd ~/keytender && $1" </dev/null
}

if [ "$what" = test ]; then
	inside "make test"
	exit
fi
inside "make run" >"$dir.log" 2>&1 &
for _ in $(seq 300); do
	grep -q 'Callback: ' "$dir.log" && grep -q 'Sign in: ' "$dir.log" && grep -q 'Paste URL: ' "$dir.log" && {
		cat "$dir.log" && echo "bare.sh: make run came as far as the sign-in" && exit
	}
	sleep 2
done
cat "$dir.log" && echo "bare.sh: no sign-in after ten minutes" >&2 && exit 1
