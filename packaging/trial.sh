#!/bin/sh
# trial.sh [DIR]: shows that the packages in dist/packages are whole, and that the .deb
# alone is enough on a machine that has never seen this project: a Debian made by debootstrap,
# with a panel on a display without a screen. There a person installs an earlier version and
# takes over a login, upgrades, runs the demo and the menu-bar app, and removes it all, after
# which nothing is left but what is theirs. The earlier version is the .deb that PREVIOUS names,
# else one built from the commit BEFORE, else from the newest release's tag below this commit;
# while there is none, today's programs are packed as 0.0.1.
#
# Everything happens in DIR (/var/tmp/keytender-trial), in namespaces of its own and without a
# network; the bare Debian is kept in build/ for the next time. Needs root.
set -eu
cd "$(dirname "$0")/.."

dir=${1:-/var/tmp/keytender-trial}
[ "$(id -u)" = 0 ] || { echo "trial: needs root" >&2 && exit 1; }
bare=$PWD/build/bare-panel.tar.zst
[ -n "${INSIDE-}" ] || packaging/setup.sh trial
if [ ! -f "$bare" ]; then
	echo "making a bare Debian with a panel"
	packaging/debian.sh "$dir" dbus-daemon xvfb openbox xfce4-panel xfconf adwaita-icon-theme fonts-dejavu-core \
		imagemagick desktop-file-utils man-db
	tar -C "$dir" -c . | zstd -q -3 >"$bare.new"
	mv "$bare.new" "$bare"
fi
before=${BEFORE:-$(git describe --tags --match 'v[0-9]*' --abbrev=0 HEAD^ 2>/dev/null || true)}
if [ -z "${INSIDE-}" ] && [ -z "${PREVIOUS-}" ] && [ -n "$before" ]; then
	echo "building the version before: $before"
	rm -rf build/before
	git clone --quiet --no-hardlinks . build/before
	git -C build/before checkout --quiet --detach "$before"
	mkdir -p build/before/build
	ln -s "$PWD/build/tools" build/before/build/tools
	(
		cd build/before
		# older than today's by its number, too, where it is no release
		case $before in v[0-9]*) ;; *) export VERSION=0.0.1 ;; esac
		make --no-print-directory programs TARGETS=linux-amd64 && packaging/packages.sh amd64 deb
	) >build/before.log 2>&1 || { tail -n 5 build/before.log >&2 && exit 1; }
	PREVIOUS=$(echo "$PWD"/build/before/dist/packages/*_amd64.deb)
	export PREVIOUS
fi
[ -n "${INSIDE-}" ] || INSIDE=1 exec unshare --mount-proc --pid --net --fork --kill-child "$0" "$dir"

fail() {
	echo "trial: $*" >&2
	exit 1
}

one() {
	found=$(find dist/packages -name "$1")
	[ -f "$found" ] || fail "there is not one $1 in dist/packages: $found"
	echo "$found"
}
number=$(dpkg-deb -f "$(find dist/packages -name "*_amd64.deb")" Version | sed -e "s/-1\$//" -e "s/~/-/")
deb=$(one '*_amd64.deb') rpm=$(one '*.x86_64.rpm')

# --- what is in them -------------------------------------------------------------------------

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
names() { sed -e 's|^\./||' -e 's|^/||' -e '/\/$/d' -e '/^\./d' -e '/^$/d' | sort; }
dpkg-deb --fsys-tarfile "$deb" | tar -t | names >"$work/deb"
packaging/install.sh list dist/programs/linux-amd64 | while read -r _ _ place; do
	case $place in
	share/man/* | */CHANGELOG.md) place=$place.gz ;;
	share/zsh/*) place=share/zsh/vendor-completions/_keytender ;;
	esac
	echo "usr/$place"
done | sort >"$work/want"
diff "$work/want" "$work/deb" || fail "$deb holds other files than packaging/install.sh lists"
sed 's|zsh/vendor-completions|zsh/site-functions|' "$work/want" | sort >"$work/others"
for arch in x86_64 aarch64; do
	for package in $(one "*.$arch.rpm") $(one "*_$arch.apk") $(one "*-$arch.pkg.tar.zst"); do
		case $package in
		# rpm 4.18's rpm2cpio ends with 1 although it wrote all
		*.rpm) { rpm2cpio "$package" || true; } | cpio -tv 2>/dev/null | awk '/^-/ { print $NF }' ;;
		*.apk) tar -tzf "$package" 2>/dev/null ;;
		*.zst) tar --zstd -tf "$package" 2>/dev/null ;;
		esac | names >"$work/list"
		diff "$work/others" "$work/list" || fail "$package holds other files than the .deb"
		echo "ok  $package: $(wc -l <"$work/list") files"
	done
done
# each for its machine, without a shared library
for arch in amd64:X86-64 arm64:AArch64; do
	dpkg-deb -x "$(one "*_${arch%:*}.deb")" "$work/${arch%:*}"
	for program in keytender keytender-tray; do
		readelf -hl "$work/${arch%:*}/usr/bin/$program" >"$work/elf"
		grep -q "Machine:.*${arch#*:}" "$work/elf" || fail "$program for ${arch%:*} is for another machine"
		! grep -q INTERP "$work/elf" || fail "$program for ${arch%:*} wants shared libraries"
	done
done
# rpm itself, in an empty root
# shellcheck disable=SC2015 # fail ends it
mkdir "$work/rpm"
inrpm() { rpm --root "$work/rpm" --nodeps "$@" >"$work/rpm.log" 2>&1 || { cat "$work/rpm.log" && fail "rpm $*"; }; }
inrpm -i --ignorearch "$rpm"
inrpm -V keytender
inrpm -e keytender
[ -z "$(find "$work/rpm" -name '*keytender*')" ] || fail "rpm left something behind"
echo "ok  $rpm: installed, verified and removed by rpm"
# pacman itself, likewise, and from an earlier version
arch=$(one '*-x86_64.pkg.tar.zst')
VERSION=0.0.1 PACKAGES="$work/earlier" packaging/packages.sh amd64 archlinux >/dev/null
mkdir -m 755 "$work/arch"
mkdir -p "$work/arch/var/lib/pacman" "$work/arch/var/cache/pacman"
printf '[options]\nArchitecture = x86_64\n' >"$work/pacman.conf"
# shellcheck disable=SC2015 # fail ends it
inarch() { pacman --config "$work/pacman.conf" --root "$work/arch" --dbpath "$work/arch/var/lib/pacman" --noconfirm \
	--cachedir "$work/arch/var/cache/pacman" --logfile "$work/arch.log" "$@" >"$work/pacman.log" 2>&1 || { cat "$work/pacman.log" && fail "pacman $*"; }; }
for package in "$work"/earlier/*.zst "$arch"; do
	inarch -U --nodeps --nodeps "$package"
	inarch -Qkk keytender
done
[ "$("$work/arch/usr/bin/keytender" version | cut -d' ' -f2)" = "$number" ] || fail "pacman did not upgrade"
inarch -R keytender
[ -z "$(find "$work/arch" -name '*keytender*')" ] || fail "pacman left something behind"
echo "ok  $arch: installed, verified, upgraded and removed by pacman"

# --- a machine -------------------------------------------------------------------------------

rm -rf --one-file-system "$dir"
mkdir -p "$dir"
tar -C "$dir" --zstd -xf "$bare"
mount -t proc proc "$dir/proc"
mount --rbind /dev "$dir/dev"
mount -t tmpfs tmpfs "$dir/tmp"
mount -t tmpfs tmpfs "$dir/run"
ip link set lo up
chmod 1777 "$dir/tmp"

previous=${PREVIOUS-}
if [ -z "$previous" ]; then
	VERSION=0.0.1 PACKAGES="$work/previous" packaging/packages.sh amd64 deb >/dev/null
	previous=$(echo "$work"/previous/*.deb)
fi
mkdir "$dir/tmp/packages"
cp "$previous" "$dir/tmp/packages/old.deb"
cp "$deb" "$dir/tmp/packages/new.deb"
cp packaging/trial-person.sh "$dir/tmp/person.sh"

inside() { env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive chroot "$dir" "$@" </dev/null; }
# shellcheck disable=SC2015 # fail ends it
apt() { inside apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >"$work/apt" 2>&1 || { cat "$work/apt" && fail "apt-get $*"; }; }
person() { inside setpriv --reuid ada --regid ada --init-groups env HOME=/home/ada USER=ada sh /tmp/person.sh "$@" || fail "ada: $*"; }
# all files but those that apt and dpkg keep for themselves
files() { (cd "$dir" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/cache -o -path ./var/log -o -path ./home \) -prune -o -print) | sort; }

inside useradd --create-home --shell /bin/sh ada
files >"$work/before"

begun=$(date +%s)
apt install /tmp/packages/old.deb
person take-over
apt install /tmp/packages/new.deb
person version "$number"
person look
person demo
person app
mkdir -p artefacts
cp "$dir/tmp/app.png" artefacts/packages-app.png
apt purge keytender
took=$(($(date +%s) - begun))
[ $took -le 120 ] || fail "from nothing to nothing in $took s: README.md says two minutes"
echo "ok  from nothing to nothing in $took s"

files >"$work/after"
diff "$work/before" "$work/after" || fail "something was left behind"
person kept
echo "ok  nothing was left but what is the person's own"
