#!/bin/sh
# Builds for 64-bit Arm and compares with this machine's own build, program by program and bit by bit: make check-arm64.
# On an x86-64 machine with Debian's cross compiler, under an emulator. Nothing is installed for that but the compiler and
# the emulator: the libraries are unpacked into build/arm64.
# usage: tests/arm64.sh BUILD_FOLDER   (this machine's own, with programs)
set -eu
[ $# = 1 ] || { echo "usage: tests/arm64.sh BUILD_FOLDER" >&2; exit 64; }
build=$1
[ "$(uname -m)" != aarch64 ] || { echo "skipped: this is an Arm machine: make check is the check"; exit 0; }
for program in qemu-aarch64 aarch64-linux-gnu-g++ apt-get; do
  command -v "$program" > /dev/null || { echo "skipped: check-arm64: no $program"; exit 0; }
done
here=$PWD/build/arm64 root=$PWD/build/arm64/root

# Debian's packages for arm64, from the sources of this machine, with their dependencies; without the C library, which the
# cross compiler brings.
get_packages() {
  rm -rf "$root" && mkdir -p "$root" "$here/state/lists/partial" "$here/cache/archives/partial"
  : > "$here/status"
  apt() {
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User= -o Dir::State="$here/state" \
      -o Dir::State::status="$here/status" -o Dir::Cache="$here/cache" -o Debug::NoLocking=1 "$@"
  }
  apt update
  apt install -y --no-install-recommends --download-only libzstd-dev libsimdjson-dev libpcre2-dev libutf8proc-dev \
    libxxhash-dev libcli11-dev libeigen3-dev doctest-dev
  for package in "$here"/cache/archives/*.deb; do
    case ${package##*/} in
      libc6* | libc-* | libgcc* | libstdc++* | libcrypt* | linux-libc* | gcc-* | rpcsvc* | libnsl* | libtirpc*) ;;
      *) dpkg-deb -x "$package" "$root" ;;
    esac
  done
  touch "$root/complete"
}
[ -e "$root/complete" ] || get_packages > "$here.log" 2>&1 || { cat "$here.log" >&2; exit 69; }

libraries=$root/usr/lib/aarch64-linux-gnu
PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$libraries/pkgconfig:$root/usr/share/pkgconfig
PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
# With these qemu-aarch64 runs a program as it is.
QEMU_LD_PREFIX=/usr/aarch64-linux-gnu QEMU_SET_ENV=LD_LIBRARY_PATH=$libraries
EMULATOR=qemu-aarch64
export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR PKG_CONFIG_ALLOW_SYSTEM_CFLAGS PKG_CONFIG_ALLOW_SYSTEM_LIBS
export QEMU_LD_PREFIX QEMU_SET_ENV EMULATOR
cross() {
  env -u MAKEFLAGS -u MFLAGS make --no-print-directory -j"$(nproc)" CXX=aarch64-linux-gnu-g++ MPI=none PKG_CONFIG=pkg-config \
    LDFLAGS="-Wl,-rpath-link,$libraries" "$@"
}
arm=$(cross -s print-build)
programs=$(for program in "$build"/bin/*; do echo "$arm/bin/${program##*/}"; done)
# shellcheck disable=SC2086
cross $programs "$arm/test-kernels" "$arm/test-law"
env -u PKG_CONFIG_SYSROOT_DIR -u PKG_CONFIG_LIBDIR NUDGE_CHECK_ARM64="$PWD/$arm" sh tests/tools/run.sh "$build" 'arm64/*'
