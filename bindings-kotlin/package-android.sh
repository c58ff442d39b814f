#!/bin/sh
# Builds voicecore.aar. NOT RUN where it was written: there is no Android NDK there. Needs ANDROID_NDK_HOME, cargo-ndk, the four Rust
# targets (rustup target add aarch64-linux-android armv7-linux-androideabi x86_64-linux-android i686-linux-android), Maven.
set -eu
cd "$(dirname "$0")"
root=$(cd .. && pwd)
aar=target/aar
rm -rf "$aar" && mkdir -p "$aar"

# 1. The native library for each ABI. Pages of 16 KiB are asked of apps for Android 15 and later.
RUSTFLAGS="-C link-arg=-Wl,-z,max-page-size=16384" cargo ndk --manifest-path "$root/bindings-uniffi/Cargo.toml" --platform 26 \
    -t arm64-v8a -t armeabi-v7a -t x86_64 -t x86 -o "$aar/jni" build --profile dist

# 2. The classes: the same as on the JVM.
mvn -B -ntp -DskipTests package
cp target/voicecore-*.jar "$aar/classes.jar"

# 3. What an AAR must have besides. JNA and the native layer are found by name, so a shrinker must keep them.
cat > "$aar/AndroidManifest.xml" <<'XML'
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="voicecore">
    <uses-sdk android:minSdkVersion="26" />
</manifest>
XML
cat > "$aar/proguard.txt" <<'RULES'
-keep class com.sun.jna.** { *; }
-keep class voicecore.ffi.** { *; }
-dontwarn java.awt.**
RULES
: > "$aar/R.txt"
(cd "$aar" && zip -q -r ../voicecore.aar .)
echo "target/voicecore.aar"
