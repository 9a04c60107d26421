"""What all commands share: where they speak, what ends a load, sessions on a migrated database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gis_service.engines import EngineName

console = Console(stderr=True)

FileArgument = Annotated[Path, typer.Argument(help="file to read")]
CrsOption = Annotated[str | None, typer.Option(help="wgs84, cgcs2000, gcj02, bd09 or EPSG:n")]
EngineOption = Annotated[EngineName, typer.Option(help="dask: on the workers of a cluster")]
SchedulerOption = Annotated[
    str | None, typer.Option(help="tcp://HOST:8786 of a Dask cluster; else one of this machine")
]


def locale() -> str:
    """The language of whoever types: ``zh`` or ``en``."""
    return "zh" if os.environ.get("LANG", "").startswith("zh") else "en"


def print_answer(result: dict[str, Any]) -> None:
    """The one line of JSON that ends a command on stdout."""
    typer.echo(orjson.dumps(result).decode())


@contextmanager
def progress_bar(words: str, total: float | None = None) -> Iterator[tuple[Progress, Any]]:
    """A bar on stderr, gone when the work is done: (bar, task)."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True,
    ) as progress:  # fmt: skip
        yield progress, progress.add_task(words, total=total)


def ready_sessions() -> Any:
    """Sessions on the migrated database."""
    from gis_service import ready  # and all that the database takes: not for --help

    return ready.ready_sessions()
