"""``gis-service device`` and ``gis-service patrols``: phones, and what is derived from fixes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.progress import track as progress_of

from gis_service.commands.shared import (
    EngineOption,
    SchedulerOption,
    console,
    print_answer,
    ready_sessions,
)
from gis_service.engines import open_engine
from gis_service.errors import DomainError, InvalidInput, TooLarge
from gis_service.settings import get_settings

device = typer.Typer(no_args_is_help=True, help="Phones of officers. 队员的手机。")
patrols = typer.Typer(no_args_is_help=True, help="What follows from fixes. 由定位推导的到访。")


def load_tracks(
    files: Annotated[list[Path], typer.Argument(help="GPX or GeoJSON")],
    officer: Annotated[
        str | None,
        typer.Option(help="code or number; unset: how the file's name begins, up to _"),
    ] = None,
    crs: Annotated[
        str | None, typer.Option(help="wgs84 (default), cgcs2000, gcj02, bd09 or EPSG:n")
    ] = None,
    recorder: Annotated[str, typer.Option("--device", help="what recorded them")] = "upload",
    keep_off_duty: Annotated[
        bool, typer.Option(help="the officer keeps positions outside duty hours")
    ] = False,
) -> None:
    """Load walks and derive their visits; a file is kept as a whole or not at all. 载入轨迹。"""
    from gis_service.hierarchy.coordinates import parse_crs
    from gis_service.hierarchy.locating import load_locator
    from gis_service.patrols.devices import find_officer
    from gis_service.patrols.uploading import take_tracks

    settings = get_settings()
    name = parse_crs(crs or "wgs84")
    sessions = ready_sessions()
    with sessions() as session:
        locator = load_locator(session, settings)
    total: dict[str, Any] = {"read": 0, "loaded": 0, "already": 0, "rejected": 0, "unplaced": 0}
    refused: list[str] = []
    for file in progress_of(files, "loading", console=console, transient=True):
        try:
            if file.stat().st_size > settings.track_bytes:
                raise TooLarge(
                    f"larger than {settings.track_bytes / 2**20:.0f} MiB (GIS_TRACK_BYTES)",
                    f"超过 {settings.track_bytes / 2**20:.0f} MiB（GIS_TRACK_BYTES）",
                    where=file.name,
                )
            with sessions.begin() as session:
                who = find_officer(session, officer or file.stem.split("_")[0])
                answer = take_tracks(
                    session, settings, locator, file.read_bytes(), who, where=file.name,
                    now=datetime.now(UTC), crs=name, label=recorder, keep_off_duty=keep_off_duty,
                    locale="en",
                )  # fmt: skip
        except (DomainError, OSError) as problem:
            words = problem.text("en") if isinstance(problem, DomainError) else str(problem)
            refused.append(f"{file.name}: {words}" if file.name not in words else words)
            continue
        for part in ("already", "conflicting", "dropped_off_duty", "future", "loaded", "nowhere",
                     "on_leave", "read", "rejected", "too_old", "tracks", "unplaced", "untimed",
                     "visits"):  # fmt: skip
            total[part] = total.get(part, 0) + answer[part]
        for words in answer["warnings"]:
            console.print(f"[yellow]![/yellow] {file.name}: {words}", highlight=False)
    for words in refused:
        console.print(f"[red]✗[/red] {words}", highlight=False, soft_wrap=True)
    console.print(f"positions taken as {name}" + ("" if crs else " (say --crs for another)"))
    print_answer({**total, "files": len(files), "files_refused": len(refused)})
    if refused:
        raise typer.Exit(1)


@device.command("add")
def add(
    officer: Annotated[str, typer.Argument(help="code or number")],
    kind: Annotated[str, typer.Option(help="owntracks or osmand")],
    label: Annotated[str, typer.Option(help="what it is called")] = "phone",
    keep_off_duty: Annotated[bool, typer.Option(help="keep positions outside duty hours")] = False,
) -> None:
    """Give a phone a token, and print it once. 登记手机并生成令牌。"""
    from gis_service.patrols.devices import add_device, find_officer

    with ready_sessions().begin() as session:
        made, token = add_device(
            session, find_officer(session, officer), kind, label, keep_off_duty=keep_off_duty
        )
        number = made.id
    console.print(f"device {number}; its token, shown this once:")
    typer.echo(token)


@device.command("list")
def list_all() -> None:
    """Every device with its officer. 列出设备。"""
    from sqlalchemy import select

    from gis_service.patrols.models import Device
    from gis_service.responsibility.models import Officer

    with ready_sessions()() as session:
        rows = session.execute(
            select(Device, Officer.code).join(Officer, Officer.id == Device.officer_id)
            .order_by(Device.id)
        )  # fmt: skip
        for one, code in rows:
            state = "on" if one.active else "off"
            typer.echo(f"{one.id}\t{code}\t{one.kind}\t{state}\t{one.label}")


@device.command("off")
def off(number: Annotated[int, typer.Argument(help="number of the device")]) -> None:
    """Switch a device's token off; what it sent stays. 停用设备。"""
    from gis_service.patrols.devices import switch_off

    with ready_sessions().begin() as session:
        switch_off(session, number)
    console.print(f"device {number} is switched off")


@patrols.command("rebuild")
def rebuild(
    officer: Annotated[list[str] | None, typer.Option(help="code, repeatable")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="ISO date, inclusive")] = None,
    to: Annotated[str | None, typer.Option(help="ISO date, exclusive")] = None,
    engine: EngineOption = "local",
    scheduler: SchedulerOption = None,
) -> None:
    """Derive tracks and visits again from the raw fixes. 由原始定位重建轨迹和到访。"""
    from rich.progress import Progress

    from gis_service.patrols.deriving import rebuild_visits
    from gis_service.patrols.devices import find_officer

    settings = get_settings()
    since, until = _moment(from_, "--from"), _moment(to, "--to")
    sessions = ready_sessions()
    with (
        open_engine(engine, scheduler) as where,
        sessions.begin() as session,
        Progress(console=console, transient=True) as bar,
    ):
        chosen = [find_officer(session, code).id for code in officer] if officer else None
        task = bar.add_task("officers", total=len(chosen) if chosen else None)
        done = rebuild_visits(
            session, settings, officers=chosen, since=since, until=until, engine=where,
            progress=lambda count: bar.advance(task, count),
        )  # fmt: skip
    console.print(
        f"{done.fixes:,} fixes of {done.officers} officers: {done.tracks:,} tracks, "
        f"{done.visits:,} visits, {done.passages:,} passages too short for one"
    )
    print_answer(done.as_json())


@patrols.command("purge")
def purge() -> None:
    """Drop the months of fixes that are older than GIS_FIX_DAYS; visits stay. 清理到期定位。"""
    from gis_service.patrols.partitions import drop_old_partitions

    with ready_sessions().begin() as session:
        dropped = drop_old_partitions(session, get_settings(), datetime.now(UTC))
    console.print(f"dropped: {', '.join(dropped) or 'nothing'}")


def _moment(words: str | None, where: str) -> datetime | None:
    if words is None:
        return None
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        raise InvalidInput(
            f"{words!r} is no ISO date", f"{words!r} 不是 ISO 日期", where=where
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(get_settings().timezone))
