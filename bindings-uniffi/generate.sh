#!/bin/sh
# Writes the generated layers of the Kotlin and Swift packages from the library, with --check compares them instead.
# Without `testing`: what is committed is what users get.
set -eu
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
cargo build --quiet -p voice-core-bindgen
cargo build --quiet -p voice-core-uniffi
case $(uname) in Darwin) library=libvoice_core_uniffi.dylib ;; *) library=libvoice_core_uniffi.so ;; esac
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$target/debug/uniffi-bindgen" generate --library "$target/debug/$library" --config bindings-uniffi/uniffi.toml \
    --language kotlin --language swift --no-format --out-dir "$out"
place() { # generated file, committed file
    if [ "${check:-}" ]; then cmp "$1" "$2"; else mkdir -p "$(dirname "$2")" && cp "$1" "$2"; fi
}
[ "${1:-}" = --check ] && check=yes
place "$out/voicecore/ffi/voice_core_uniffi.kt" bindings-kotlin/src/main/kotlin/voicecore/ffi/Ffi.kt
place "$out/VoiceCoreNative.swift" bindings-swift/Sources/VoiceCoreNative/VoiceCoreNative.swift
place "$out/VoiceCoreFFI.h" bindings-swift/Sources/VoiceCoreFFI/include/VoiceCoreFFI.h
echo "the generated layers are ${check:+as }committed"
