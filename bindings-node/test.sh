#!/bin/sh
# Builds the package in place and tests it: types, behaviour, conformance, real models. Arguments are those of build.sh.
# The real models are in VOICE_CORE_MODELS.
set -eu
cd "$(dirname "$0")"

./build.sh "$@"
# For the example of a web server.
[ -d ../examples/express/node_modules/express ] ||
    npm install --prefix ../examples/express --no-audit --no-fund --no-package-lock --loglevel=error
record=${CARGO_TARGET_DIR:-../target}/conformance
mkdir -p "$record"
node test/conformance.mjs >"$record/node.txt" || { cat "$record/node.txt"; exit 1; }
grep -v '^ok' "$record/node.txt"
node --expose-gc --test --test-reporter=tap test/*.test.mjs
