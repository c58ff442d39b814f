#!/bin/sh
# Builds the package in place and tests it: types, behaviour, conformance, real models. Arguments are those of build.sh.
# The real models are in VOICE_CORE_MODELS.
set -eu
cd "$(dirname "$0")"

./build.sh "$@"
node test/conformance.mjs
node --expose-gc --test --test-reporter=tap test/*.test.mjs
