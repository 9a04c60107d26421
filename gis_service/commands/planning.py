"""``gis-service planning`` and ``load indicators``: rounds for the meeting, own indicators."""

from __future__ import annotations

import getpass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from gis_service.commands.shared import console, print_answer, ready_sessions
from gis_service.settings import get_settings

planning = typer.Typer(no_args_is_help=True, help="Demonstration communities. 示范社区。")


@planning.callback()
def _group() -> None:
    """Demonstration communities. 示范社区。"""


@planning.command("snapshot")
def snapshot(
    number: Annotated[int, typer.Argument(help="number of the round")],
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write")],
) -> None:
    """Write a selection round as one file for the meeting. 导出遴选轮次离线地图。"""
    from gis_service.maps.round_snapshot import round_snapshot

    with ready_sessions().begin() as session:
        body = round_snapshot(session, number, get_settings())
    output.write_text(body, encoding="utf-8")
    console.print(f"{output}: {len(body.encode()) / 2**20:.1f} MiB, opens without a network")


def load_indicators(
    file: Annotated[Path, typer.Argument(help="file to read")],
    group: Annotated[str, typer.Option(help="base or performance")] = "base",
    from_: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="first day counted")
    ] = None,
    to: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="last day counted")
    ] = None,
    least: Annotated[int, typer.Option(help="below so many cases a value says nothing")] = 1,
) -> None:
    """Load own indicators: a row for each community, a column for each. 载入自有指标。"""
    from gis_service.planning.own import Basis, load_own
    from gis_service.planning.uploads import uploaded_rows

    if group not in ("base", "performance"):
        raise typer.BadParameter("base or performance", param_hint="--group")
    with file.open("rb") as handle:
        rows = uploaded_rows(handle, file.name, get_settings().upload_bytes)
    basis = Basis(group, from_.date() if from_ else None, to.date() if to else None, least)
    with ready_sessions().begin() as session:
        result = load_own(session, rows, file.name, basis, getpass.getuser())
    print_answer({**result, "unplaced": 0})
