"""A file while it is made: pulled from a thread, one piece ahead of the reader, closed whatever
happens, and never more than a few at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
from fastapi.responses import StreamingResponse
from pyogrio.errors import DataSourceError

from gis_service.errors import DomainError, InvalidInput, NotReady, TooMany

AT_ONCE = 3


class Slots:
    """How many exports a worker makes at the same time; each holds a connection."""

    def __init__(self, most: int = AT_ONCE) -> None:
        self.free = most

    def take(self) -> None:
        """Raises TooMany where all are taken."""
        if not self.free:
            raise TooMany(
                "other exports are running; try again in a moment",
                "正在导出其他数据，请稍后重试",
                retry_after_s=10,
            )
        self.free -= 1

    def give_back(self) -> None:
        self.free += 1


class _Pulled:
    """An iterator that a thread advances and another may close."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces
        self.lock = threading.Lock()

    def next(self) -> bytes | None:
        with self.lock:
            try:
                return next(self.pieces, None)
            except Exception as problem:
                raise told(problem) from problem

    def close(self) -> None:
        with self.lock:
            close: Any = getattr(self.pieces, "close", None)
            if close:
                close()


def told(problem: Exception) -> Exception:
    """What went wrong, as an error that can be answered with."""
    if isinstance(problem, DomainError):
        return problem
    if isinstance(problem, psycopg.DataError):
        return InvalidInput("a value cannot be stored (NUL?)", "有无法存储的值（如空字符 NUL）")
    if isinstance(problem, psycopg.OperationalError):
        return NotReady(
            "the export takes too long or the database does not answer; filter more",
            "导出超时或数据库没有响应，请缩小范围后重试",
        )
    if isinstance(problem, (DataSourceError, OSError)):
        return NotReady("the file cannot be written; is the disk full?",
                        "文件无法写入，请检查磁盘空间")  # fmt: skip
    return problem


async def send(
    slots: Slots, pieces: Iterator[bytes], media: str, headers: dict[str, str]
) -> StreamingResponse:
    """The pieces as an answer. What goes wrong before the first is raised here, as an error that
    can still be answered with."""
    slots.take()
    pulled = _Pulled(pieces)
    try:
        first = await asyncio.to_thread(pulled.next)
    except BaseException:
        slots.give_back()
        await asyncio.shield(asyncio.to_thread(pulled.close))
        raise

    async def rest() -> AsyncIterator[bytes]:
        try:
            piece = first
            while piece is not None:
                yield piece
                piece = await asyncio.to_thread(pulled.next)
        finally:
            slots.give_back()
            await asyncio.shield(asyncio.to_thread(pulled.close))

    return StreamingResponse(rest(), media_type=media, headers=headers)
