#!/bin/sh
# Unpacks Debian's musl for arm64 below a directory. The host's package system keeps its own state and its own
# architectures: only its sources and keys are read.
set -eu

target=${1:?usage: fetch-musl-arm64.sh DIRECTORY}
mkdir -p "$target"
target=$(cd "$target" && pwd)
if [ -e "$target/root/usr/lib/aarch64-linux-musl/libc.a" ]; then exit 0; fi

state=$target/apt
rm -rf "$state" "$target/root"
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$target/root"
: > "$state/status"

private_apt() {
  apt-get -q \
    -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
    -o Dir::State="$state" -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status" \
    -o Dir::Cache="$state/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

private_apt update
(cd "$state" && private_apt download musl-dev)
dpkg-deb -x "$state"/musl-dev_*_arm64.deb "$target/root"
rm -rf "$state"
