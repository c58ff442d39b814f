#!/bin/sh
# Builds the package in place: addon and JavaScript.
#
#   build.sh             the addon in the dev profile, into the workspace's target directory
#   build.sh --built     takes the addon that `cargo build --workspace` or `cargo test --workspace` left there
#   build.sh --release   a small and fast addon without the functions that fail on purpose, as it is published
#   build.sh --servers   the same with PostgreSQL, MongoDB and S3 in it, as voice-core-servers brings it
set -eu
cd "$(dirname "$0")"

profile=debug
case "${1:-}" in
    '') cargo build --quiet --package voice-core-node --features testing ;;
    --built) ;;
    --release) profile=dist; cargo build --quiet --package voice-core-node --profile dist ;;
    --servers) profile=dist; cargo build --quiet --package voice-core-node --profile dist --features servers ;;
    *) echo "build.sh: expected nothing, --built, --release or --servers, got $1" >&2; exit 2 ;;
esac

[ -d node_modules ] || npm ci --no-audit --no-fund --loglevel=error
rm -rf dist
npx tsc
node scripts/addon.mjs "${CARGO_TARGET_DIR:-../target}/$profile"
