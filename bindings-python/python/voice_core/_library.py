"""Which native half this package uses: the one of `voice-core[servers]` where that is installed, else its own."""

import sys

try:
    from voice_core_servers import _native  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    pass
else:
    from importlib.metadata import version

    if (wanted := version("voice-core")) != _native.VERSION:
        raise ImportError(
            f"voice-core {wanted} and voice-core-servers {_native.VERSION} do not go together: "
            "pip install --upgrade 'voice-core[servers]'"
        )
    sys.modules["voice_core._native"] = _native
