"""A folder of plain .npy arrays that several processes map instead of copying."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from gis_service.errors import InvalidInput

Array = npt.NDArray[Any]


def frozen(array: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
    """A C-ordered read-only array: what a mapped file gives, so kernels are compiled once."""
    out = np.array(array, dtype=dtype, order="C")
    out.flags.writeable = False
    return out


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """A folder to write into, which becomes ``folder`` in the end, complete or not at all.

    A folder that is already there is replaced; processes that mapped it keep what they have.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f"{folder.name}.{uuid4().hex[:8]}.part")
    try:
        yield draft
        old = draft.with_suffix(".old")
        while True:
            try:
                draft.rename(folder)
                break
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            with suppress(FileNotFoundError):  # another process moved it away
                folder.rename(old)
                shutil.rmtree(old)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def save_arrays(folder: Path, arrays: dict[str, Array], about: dict[str, Any]) -> None:
    """Writes ``arrays`` as ``<name>.npy`` and ``about`` as ``about.json`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "about.json").write_text(json.dumps(about, ensure_ascii=False), "utf-8")


def open_arrays(
    folder: Path, names: Iterable[str], version: int
) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays ``names`` of ``folder``, memory-mapped and read-only, and what it says of itself.

    Raises InvalidInput where the folder is missing, damaged or of another ``version``.
    """
    try:
        about = json.loads((folder / "about.json").read_text("utf-8"))
        if about.get("version") != version:
            raise InvalidInput(
                f"has format {about.get('version')}, not {version}; build it again",
                f"格式为 {about.get('version')}，应为 {version}；请重新生成",
                where=str(folder),
            )
        arrays = {}
        for name in names:
            mapped = np.load(folder / f"{name}.npy", mmap_mode="r")
            arrays[name] = mapped.view(np.ndarray)
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise InvalidInput(
            f"is no usable array folder: {error}", f"无法读取：{error}", where=str(folder)
        ) from error
    return arrays, about


class TextColumn:
    """Read-only strings as one UTF-8 blob with offsets, decoded one by one: maps like an array."""

    def __init__(self, offsets: Array, blob: Array) -> None:
        self.offsets, self.blob = offsets, blob

    @classmethod
    def of(cls, texts: Iterable[str]) -> TextColumn:
        """A column of ``texts``."""
        encoded = [text.encode() for text in texts]
        offsets = np.cumsum([0, *map(len, encoded)])
        blob = np.frombuffer(b"".join(encoded), np.uint8)
        return cls(frozen(offsets, np.int64), frozen(blob, np.uint8))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> str:
        return self.blob[self.offsets[i] : self.offsets[i + 1]].tobytes().decode()

    @cached_property
    def array(self) -> Array:
        """All strings as an object array, with None appended, so that row -1 gives None."""
        return np.array([*(self[i] for i in range(len(self))), None], dtype=object)
