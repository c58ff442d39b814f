#!/bin/sh
# Has a browser talk to the page, served with Node. Arguments are those of bindings-node/build.sh.
#
# VOICE_CORE_MODELS names the folder of the models. Screenshots go to web/ in the target directory.
set -eu
cd "$(dirname "$0")"

../../bindings-node/build.sh "$@"
[ -d node_modules ] || npm ci --no-audit --no-fund --loglevel=error
exec node --test --test-reporter=tap test/*.test.mjs
