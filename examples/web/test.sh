#!/bin/sh
# Has a browser talk to the page: a whole conversation served with Node, a short one served with Python. Arguments are those of
# bindings-node/build.sh.
#
# VOICE_CORE_MODELS names the folder of the models, VOICE_CORE_PYTHON a Python that has the package; it is given aiohttp. Screenshots
# go to web/ in the target directory.
set -eu
cd "$(dirname "$0")"

../../bindings-node/build.sh "$@"
[ -d node_modules ] || npm ci --no-audit --no-fund --loglevel=error
node --test --test-concurrency=1 --test-reporter=tap test/*.test.mjs

python=${VOICE_CORE_PYTHON:-python3}
"$python" -c 'import aiohttp' 2>/dev/null || "$python" -m pip install --quiet 'aiohttp>=3.9,<4'
SERVER="$python server.py" node --test --test-concurrency=1 --test-reporter=tap test/typed.test.mjs test/interpreter.test.mjs
