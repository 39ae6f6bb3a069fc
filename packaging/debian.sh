#!/bin/sh
# debian.sh DIR [PACKAGE...]: makes a bare Debian with these packages in the folder DIR, which
# has this machine's way into the network: names, package sources, certificate authorities.
# Needs root and debootstrap.
set -eu
dir=$1
shift

rm -rf --one-file-system "$dir"
mkdir -p "$dir"
debootstrap --variant=minbase --include=ca-certificates bookworm "$dir" >"$dir.log" 2>&1 ||
	{ tail -n 5 "$dir.log" >&2 && exit 1; }
cp -L /etc/resolv.conf /etc/hosts "$dir/etc/"
for file in /etc/apt/sources.list.d/debian.sources /etc/apt/apt.conf.d/*proxy*; do
	[ ! -e "$file" ] || cp "$file" "$dir$file"
done
[ ! -e "$dir/etc/apt/sources.list.d/debian.sources" ] || rm -f "$dir/etc/apt/sources.list"
[ ! -d /usr/local/share/ca-certificates ] || cp -r /usr/local/share/ca-certificates "$dir/usr/local/share/"
chroot "$dir" update-ca-certificates >/dev/null 2>&1
[ $# -gt 0 ] || exit 0

# not by debootstrap, which sets packages up in no order that a desktop's stand
inside() { env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
	${HTTPS_PROXY+"HTTPS_PROXY=$HTTPS_PROXY"} ${HTTP_PROXY+"HTTP_PROXY=$HTTP_PROXY"} chroot "$dir" "$@" </dev/null; }
{
	inside apt-get -q update
	inside apt-get -q install -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@"
	inside apt-get clean
} >>"$dir.log" 2>&1 || { tail -n 5 "$dir.log" >&2 && exit 1; }
