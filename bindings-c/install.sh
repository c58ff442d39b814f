#!/bin/sh
# Lays the built libraries out for C and C++ programs: install.sh BUILD_DIR PREFIX
#   BUILD_DIR: where cargo put libvoice_core_c.so and libvoice_core_c.a, for example target/release
#   PREFIX:    gets include/voice_core.h, lib/libvoice_core.{so,a} and lib/pkgconfig/voice_core.pc
set -eu
[ $# -eq 2 ] || { sed -n '2,4p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2/include" "$2/lib/pkgconfig"
prefix=$(cd "$2" && pwd)
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$here/../Cargo.toml")
cp "$here/../include/voice_core.h" "$prefix/include/"
cp "$1/libvoice_core_c.so" "$prefix/lib/libvoice_core.so.0"
ln -sf libvoice_core.so.0 "$prefix/lib/libvoice_core.so"
cp "$1/libvoice_core_c.a" "$prefix/lib/libvoice_core.a"
sed -e "s|@PREFIX@|$prefix|" -e "s|@VERSION@|$version|" "$here/voice_core.pc.in" > "$prefix/lib/pkgconfig/voice_core.pc"
