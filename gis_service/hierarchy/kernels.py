"""The decorator of compiled functions.

numba keeps compiled code beside the source and renews it when that one file changes, not when a
function called from another file does. Here all kernels share a folder named after the sources of
all of them, so that a change in one renews all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])

_MARK = "@kernel\n"
_CONFIG: Any = numba.config


def kernel(function: Function) -> Function:
    """Compiles ``function`` on its first call, without the GIL; kept for the next process."""
    if _CACHE is None:
        return cast(Function, numba.njit(nogil=True)(function))
    elsewhere = _CONFIG.CACHE_DIR
    _CONFIG.CACHE_DIR = str(_CACHE)  # read while decorating
    try:
        return cast(Function, numba.njit(cache=True, nogil=True)(function))
    finally:
        _CONFIG.CACHE_DIR = elsewhere


def _cache_folder() -> Path | None:
    """Beside the source or, where that may not be written, in the user's cache; else nowhere."""
    here = Path(__file__).parent
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(here.glob("*.py")):
        text = source.read_text("utf-8")
        if _MARK in text:
            digest.update(text.encode())
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    for parent in (here / "__pycache__", home / "gis-service"):
        folder = parent / f"kernels-{digest.hexdigest()[:16]}"
        if not folder.is_dir():
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                pass
            except OSError:
                continue
            for old in parent.glob("kernels-*"):
                if old != folder:
                    shutil.rmtree(old, ignore_errors=True)
        if os.access(folder, os.W_OK):
            return folder
    return None


_CACHE = _cache_folder()
