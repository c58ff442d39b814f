#!/bin/sh
# Builds the wheel, installs it into an environment under target/, and tests what was installed.
#
#   VOICE_CORE_NATIVE   the folder of a library that is built already, with the feature `testing`
#   VOICE_CORE_MODELS   the folder of the local models
#
# Arguments go to pytest; CARGO_TARGET_DIR and PYTHON are respected.
set -eu
cd "$(dirname "$0")"
root=$(cd .. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
venv=$target/python-venv
python=$venv/bin/python

[ -x "$python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$python" -c 'import maturin, mypy, numpy, pyright, pytest, wheel' 2>/dev/null ||
    "$python" -m pip install --quiet 'maturin>=1.9,<2' 'mypy>=1.18' 'numpy' 'pyright>=1.1.400' 'pytest>=8' 'wheel>=0.46'

# For the example of a web server.
"$python" -c 'import fastapi, httpx, multipart, uvicorn' 2>/dev/null ||
    "$python" -m pip install --quiet -r "$root/examples/fastapi/requirements.txt" 'httpx>=0.28,<1'

# For the example of a telephone line.
"$python" -c 'import aiohttp' 2>/dev/null || "$python" -m pip install --quiet 'aiohttp>=3.9,<4'

wheels=$target/wheels-testing
rm -rf "$wheels"
if [ -z "${VOICE_CORE_NATIVE:-}" ]; then
    "$python" -m maturin build --quiet --profile dev --features testing --out "$wheels"
else
    # What maturin would put together, around the library that is there.
    mkdir -p "$wheels/tree"
    "$python" -m maturin pep517 write-dist-info --metadata-directory "$wheels/tree" --profile dev --features testing >/dev/null
    cp -R python/voice_core "$wheels/tree"
    cp "$VOICE_CORE_NATIVE/libvoice_core_python.so" "$wheels/tree/voice_core/_native.abi3.so"
    "$python" -m wheel pack "$wheels/tree" --dest-dir "$wheels" >/dev/null
fi
"$python" -m pip install --quiet --force-reinstall --no-deps "$wheels"/*.whl

cd tests
"$python" -m mypy --config-file ../pyproject.toml -p voice_core
"$python" -m mypy --config-file ../pyproject.toml conformance.py
"$python" -m mypy.stubtest voice_core._native --allowlist stubtest-allowlist.txt --ignore-unused-allowlist --mypy-config-file ../pyproject.toml
# It fetches itself with npm when it first runs; where it cannot, mypy has judged already.
if "$venv/bin/pyright" --version >/dev/null 2>&1; then
    PATH="$venv/bin:$PATH" "$venv/bin/pyright" --verifytypes voice_core --ignoreexternal >"$target/python-pyright.txt" ||
        { cat "$target/python-pyright.txt"; exit 1; }
    grep 'completeness' "$target/python-pyright.txt"
fi
mkdir -p "$target/conformance"
"$python" conformance.py >"$target/conformance/python.txt" || { cat "$target/conformance/python.txt"; exit 1; }
grep -v '^ok' "$target/conformance/python.txt"
exec "$python" -m pytest -q -c ../pyproject.toml . "$@"
