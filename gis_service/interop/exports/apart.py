"""A long file is written by a process of its own: writing it takes the interpreter, or all of a
library at once, away from the requests of everybody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from io import BufferedReader
from itertools import chain, islice
from typing import cast

import orjson
import pyarrow as pa

from gis_service.interop.exports.rows import Rows
from gis_service.interop.exports.writing import CHUNK_BYTES, Presented, fitting, write

FILE = b"file"  # what the stream's schema says of the file to be made
GIVES_WAY = 10  # niceness


def write_apart(rows: Rows, how: Presented) -> Iterator[bytes]:
    """:func:`write` of rows that come in several batches, done by another process; of a single
    batch done here, sooner than a process starts. Raises what the rows raise, TooLarge for a
    spreadsheet that would be none, and OSError where the other process fails."""
    batches = fitting(rows, how)
    begin = list(islice(batches, 2))
    whole = replace(rows, batches=chain(begin, batches))
    yield from (_written if len(begin) > 1 else write)(whole, how)


def _written(rows: Rows, how: Presented) -> Iterator[bytes]:
    # -P: a folder that the service happens to be started in holds no modules of it
    process = subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-P", "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    out = cast(BufferedReader, process.stdout)
    raised: list[BaseException] = []
    feeder = threading.Thread(target=_feed, args=(rows, how, process, raised), daemon=True)
    feeder.start()
    try:
        while piece := out.read1(CHUNK_BYTES):
            yield piece
        feeder.join()
        if raised:
            raise raised[0]
        if code := process.wait():
            raise OSError(f"the process that writes {how.name}.{how.format} ended with {code}")
    finally:
        process.kill()
        feeder.join()
        out.close()
        process.wait()


def _feed(
    rows: Rows, how: Presented, process: subprocess.Popen[bytes], raised: list[BaseException]
) -> None:
    file = orjson.dumps({**asdict(how), "srid": rows.srid})
    try:
        out = pa.ipc.new_stream(process.stdin, rows.schema.with_metadata({FILE: file}))
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(next, rows.batches, None)
            while (batch := coming.result()) is not None:
                coming = ahead.submit(next, rows.batches, None)
                out.write_batch(batch)
        out.close()
    except BrokenPipeError:
        pass  # it has ended, and how it ended tells why
    except BaseException as problem:
        raised.append(problem)
        process.kill()  # before its input ends: half of the rows are no file
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()  # type: ignore[union-attr]


def main() -> None:
    """The other process: batches come in, the file goes out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    os.nice(GIVES_WAY)
    reader = pa.ipc.open_stream(sys.stdin.buffer)
    file = orjson.loads(reader.schema.metadata[FILE])
    rows = Rows(reader.schema.remove_metadata(), iter(reader), file.pop("srid"))
    for piece in write(rows, Presented(**file)):
        sys.stdout.buffer.write(piece)


if __name__ == "__main__":
    main()
