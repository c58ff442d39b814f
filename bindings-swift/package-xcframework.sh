#!/bin/sh
# Builds VoiceCoreFFI.xcframework. NOT RUN where it was written: it needs a Mac with Xcode, and the Rust targets
# aarch64-apple-ios, aarch64-apple-ios-sim, x86_64-apple-ios, aarch64-apple-darwin and x86_64-apple-darwin (rustup target add).
set -eu
cd "$(dirname "$0")"
root=$(cd .. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
library=libvoice_core_uniffi.a
export IPHONEOS_DEPLOYMENT_TARGET=16.0 MACOSX_DEPLOYMENT_TARGET=13.0

for triple in aarch64-apple-ios aarch64-apple-ios-sim x86_64-apple-ios aarch64-apple-darwin x86_64-apple-darwin; do
    cargo build --manifest-path "$root/Cargo.toml" -p voice-core-uniffi --profile dist --target $triple
done

# One library for each platform: those of one platform are joined, those of different platforms must not be.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/simulator" "$work/macos" "$work/headers"
lipo -create "$target/aarch64-apple-ios-sim/dist/$library" "$target/x86_64-apple-ios/dist/$library" -output "$work/simulator/$library"
lipo -create "$target/aarch64-apple-darwin/dist/$library" "$target/x86_64-apple-darwin/dist/$library" -output "$work/macos/$library"

# A framework's header folder has its module map beside the header, and links nothing by name.
cp Sources/VoiceCoreFFI/include/VoiceCoreFFI.h "$work/headers/"
cat > "$work/headers/module.modulemap" <<'MAP'
module VoiceCoreFFI {
    header "VoiceCoreFFI.h"
    export *
}
MAP

rm -rf VoiceCoreFFI.xcframework
xcodebuild -create-xcframework \
    -library "$target/aarch64-apple-ios/dist/$library" -headers "$work/headers" \
    -library "$work/simulator/$library" -headers "$work/headers" \
    -library "$work/macos/$library" -headers "$work/headers" \
    -output VoiceCoreFFI.xcframework
echo "VoiceCoreFFI.xcframework"
