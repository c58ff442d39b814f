#!/bin/sh
# Builds the wheel, installs it into an environment under target/, and tests what was installed.
#
# VOICE_CORE_MODELS names the folder of the local models. Arguments go to pytest; CARGO_TARGET_DIR and PYTHON are respected.
set -eu
cd "$(dirname "$0")"
root=$(cd .. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
venv=$target/python-venv
python=$venv/bin/python

[ -x "$python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$python" -c 'import maturin, mypy, numpy, pyright, pytest' 2>/dev/null ||
    "$python" -m pip install --quiet 'maturin>=1.9,<2' 'mypy>=1.18' 'numpy' 'pyright>=1.1.400' 'pytest>=8'

# For the example of a web server.
"$python" -c 'import fastapi, httpx, multipart, uvicorn' 2>/dev/null ||
    "$python" -m pip install --quiet -r "$root/examples/fastapi/requirements.txt" 'httpx>=0.28,<1'

rm -rf "$target/wheels-testing"
"$python" -m maturin build --quiet --profile dev --features testing --out "$target/wheels-testing"
"$python" -m pip install --quiet --force-reinstall --no-deps "$target"/wheels-testing/*.whl

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
