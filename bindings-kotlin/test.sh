#!/bin/sh
# Builds the native library and runs the tests of the Kotlin package. Needs a JDK (17 or newer) and Maven.
#
#   VOICE_CORE_NATIVE   the folder of a library that is built already, with the feature `testing`
#   VOICE_CORE_MODELS   the folder of local models: with it, a conversation with real models is held too
set -eu
cd "$(dirname "$0")"
if [ -z "${VOICE_CORE_NATIVE:-}" ]; then
    cargo build --quiet -p voice-core-uniffi --features testing
    VOICE_CORE_NATIVE=$(cd .. && pwd)/target/debug
fi
status=0
mvn -B -ntp test -Dnative.library="$VOICE_CORE_NATIVE" "$@" > target-test.log 2>&1 || status=$?
record=${CARGO_TARGET_DIR:-../target}/conformance
mkdir -p "$record"
sed -nE '/(ok|FAIL|n\/a) - /p' target-test.log >"$record/kotlin.txt"
sed -nE '/^(ok|FAIL|n\/a) - |^kotlin: |^said: |ERROR|Tests run:/p' target-test.log
exit $status
