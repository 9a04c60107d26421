"""Personal data at rest: sealed with a key that lies outside the database.

The key file holds one Fernet key a line, the newest first: it seals, all of them open. Losing it
loses what is sealed (names and phones of reporters, secrets of second factors) and nothing else;
``docs/personal-data.md`` says how to keep a copy.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from gis_service.errors import ConfigurationError, InvalidInput
from gis_service.settings import Settings, get_settings


def seal(facts: dict[str, Any]) -> bytes:
    """Encrypt ``facts`` (JSON) with the newest key."""
    return _keys(get_settings()).encrypt(orjson.dumps(facts))


def open_sealed(sealed: bytes) -> dict[str, Any]:
    """What :func:`seal` encrypted. Raises ConfigurationError where the key is not at hand."""
    try:
        facts: dict[str, Any] = orjson.loads(_keys(get_settings()).decrypt(sealed))
    except InvalidToken:
        raise ConfigurationError(
            "sealed with a key that is not here: gis-service user key import FILE",
            "所用密钥不在本机：请执行 gis-service user key import FILE",
        ) from None
    return facts


def key_file(settings: Settings) -> Path:
    """Where the keys lie."""
    return settings.personal_key_file or settings.data_dir / "keys" / "personal.key"


def check_keys(settings: Settings) -> int:
    """How many keys there are. Raises ConfigurationError for a file that is missing, cannot be
    read or holds none."""
    return len(_read(key_file(settings)))


def export_keys(settings: Settings, target: Path) -> int:
    """Copy the keys to a new file that only its owner reads; how many there are. Raises
    InvalidInput where ``target`` exists."""
    _keys(settings)  # made now if never used
    keys = _read(key_file(settings))
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as problem:
        raise InvalidInput(str(problem.strerror), where=str(target)) from None
    with os.fdopen(handle, "wb") as out:
        out.write(b"\n".join(keys) + b"\n")
    return len(keys)


def import_keys(settings: Settings, source: Path) -> int:
    """Put the keys of ``source`` before those already here; how many are new. What the exporting
    service seals, this one opens, and the other way round."""
    keys = _read(source)
    own = key_file(settings)
    before = _read(own) if own.exists() else []
    _write(own, [*keys, *(key for key in before if key not in keys)])
    return len([key for key in keys if key not in before])


def add_key(settings: Settings) -> None:
    """Make a new key; from now on it seals, the older ones go on opening."""
    _keys(settings)
    own = key_file(settings)
    _write(own, [Fernet.generate_key(), *_read(own)])


def _keys(settings: Settings) -> MultiFernet:
    path = key_file(settings)
    try:
        changed = path.stat().st_mtime_ns
    except FileNotFoundError:
        if settings.personal_key_file:
            raise ConfigurationError(
                f"GIS_PERSONAL_KEY_FILE {path} does not exist",
                f"GIS_PERSONAL_KEY_FILE {path} 不存在",
            ) from None
        _make(path)
        changed = path.stat().st_mtime_ns
    return _load(path, changed)


@lru_cache(maxsize=8)
def _load(path: Path, changed: int) -> MultiFernet:
    """``changed`` (time of the last change) makes a changed file another one."""
    return MultiFernet([Fernet(key) for key in _read(path)])


def _read(path: Path) -> list[bytes]:
    try:
        keys = path.read_bytes().split()
        for key in keys:
            Fernet(key)
    except OSError as problem:
        raise ConfigurationError(
            f"{path}: {problem.strerror}", f"{path}：无法读取（{problem.strerror}）"
        ) from None
    except ValueError:
        raise ConfigurationError(f"{path} holds no keys", f"{path} 不是密钥文件") from None
    if not keys:
        raise ConfigurationError(f"{path} holds no keys", f"{path} 不是密钥文件")
    return keys


def _make(path: Path) -> None:
    """The first key. Two processes that start at once agree on one: a link is made or is there."""
    folder = path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _draft(path, [Fernet.generate_key()])
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def _write(path: Path, keys: list[bytes]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _draft(path, keys).replace(path)


def _draft(path: Path, keys: list[bytes]) -> Path:
    """A file beside ``path``, complete and on the disk."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(b"\n".join(keys) + b"\n")
        out.flush()
        os.fsync(out.fileno())
    return draft
