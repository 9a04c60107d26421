"""``gis-service load``: files into the district."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gis_service.commands.patrols import load_tracks
from gis_service.commands.planning import load_indicators
from gis_service.commands.shared import (
    CrsOption,
    FileArgument,
    console,
    print_answer,
    progress_bar,
    ready_sessions,
)
from gis_service.errors import InvalidInput
from gis_service.settings import get_settings

load = typer.Typer(no_args_is_help=True, help="Load files. 载入数据。")
load.command("tracks")(load_tracks)
load.command("indicators")(load_indicators)


@load.command("hierarchy")
def load_hierarchy(
    file: FileArgument,
    level: Annotated[list[str] | None, typer.Option(help="LEVEL=LAYER, repeatable")] = None,
    code: Annotated[str | None, typer.Option(help="column of the codes")] = None,
    name: Annotated[str | None, typer.Option(help="column of the names")] = None,
    parent: Annotated[str | None, typer.Option(help="column of the parents' codes")] = None,
    crs: CrsOption = None,
    within: Annotated[
        str | None, typer.Option(help="the file holds only what lies in this area (code)")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="label of the boundary revision")] = None,
    dry_run: Annotated[bool, typer.Option(help="report only, change nothing")] = False,
    confirm: Annotated[bool, typer.Option(help="allow closing a large share")] = False,
    report: Annotated[
        Path | None, typer.Option(help="write the problems as a GeoPackage for QGIS")
    ] = None,
) -> None:
    """Load areas of any of the four levels as a new boundary revision. 载入区划。"""
    from gis_service.hierarchy.importing import apply, prepare, write_report
    from gis_service.hierarchy.reading import Columns
    from gis_service.hierarchy.reporting import print_report
    from gis_service.wiring import REVISION_FOLLOWERS

    settings = get_settings()
    with ready_sessions().begin() as session, progress_bar(file.name, 1.0) as (bar, task):
        prepared = prepare(
            session, file, settings, layers=_levels(level), columns=Columns(code, name, parent),
            crs=crs, within=within,
            progress=lambda share, words: bar.update(task, completed=share, description=words),
        )  # fmt: skip
        print_report(prepared, console)
        if report:
            write_report(prepared.report, report)
            console.print(f"problems written to {report}")
        read = sum(len(frame) for frame in prepared.reading.levels.values())
        if prepared.report.errors:
            print_answer({"read": read, "loaded": 0, "already": 0, "rejected": read, "unplaced": 0,
                     "errors": len(prepared.report.errors),
                     "warnings": len(prepared.report.warnings)})  # fmt: skip
            raise InvalidInput(
                f"{len(prepared.report.errors)} errors; nothing was changed",
                f"{len(prepared.report.errors)} 处错误，未作任何更改",
                where=file.name,
            )
        applied = None
        if not dry_run:
            bar.update(task, completed=0.6, description="applying")
            applied = apply(
                session, prepared, settings, label=revision, confirmed=confirm,
                followers=REVISION_FOLLOWERS,
            )  # fmt: skip
    loaded = sum(len(c.insert) for c in prepared.changes.values())
    already = sum(c.unchanged for c in prepared.changes.values())
    print_answer(
        {
            "read": read, "loaded": 0 if dry_run else loaded,
            "already": read if dry_run else already, "rejected": 0, "unplaced": 0,
            "closed": 0 if dry_run else sum(c.vanished for c in prepared.changes.values()),
            "warnings": len(prepared.report.warnings),
            "revision": applied.revision_id if applied else None, "dry_run": dry_run,
        }
    )  # fmt: skip


@load.command("incidents")
def load_incidents(
    file: FileArgument,
    mapping: Annotated[
        Path, typer.Option(help="TOML mapping, or the name of one that comes along")
    ],
    crs: CrsOption = None,
    rejects: Annotated[Path | None, typer.Option(help="CSV of the refused rows")] = None,
) -> None:
    """Load incidents from CSV, XLSX or GeoJSON. 载入案件。"""
    from gis_service.hierarchy.coordinates import parse_crs
    from gis_service.hierarchy.locating import load_locator
    from gis_service.incidents.loading import load_incidents as run
    from gis_service.incidents.mapping import read_mapping
    from gis_service.reference.defaults import ensure_default_classes

    settings = get_settings()
    rules = read_mapping(mapping)
    if crs:
        rules = rules.model_copy(update={"crs": parse_crs(crs)})
    sessions = ready_sessions()
    with sessions.begin() as session:
        ensure_default_classes(session)
        locator = load_locator(session, settings)
    with progress_bar(file.name) as (bar, task):
        result = run(
            sessions, file, rules, locator, settings, rejects=rejects,
            progress=lambda rows: bar.advance(task, rows),
            waiting=lambda: console.print("another load of this origin is under way; waiting"),
        )  # fmt: skip
    for warning in result.warnings:
        console.print(f"[yellow]![/yellow] {warning}", highlight=False)
    console.print(
        f"{result.read:,} read: {result.loaded:,} loaded ({result.unplaced:,} of them unplaced), "
        f"{result.already:,} already there, {result.rejected:,} rejected"
    )
    if result.rejected and rejects:
        console.print(f"refused rows and why: {rejects}")
    elif result.rejected:
        console.print("say --rejects OUT.csv to see which rows and why")
    print_answer(result.as_json())


@load.command("classes")
def load_classes(file: FileArgument) -> None:
    """Load incident classes from CSV or XLSX. 载入案件分类。"""
    from gis_service.reference.classes import load_classes as run

    _load_table(run, file)


@load.command("conditions")
def load_conditions(file: FileArgument) -> None:
    """Load the classes' conditions and limits from CSV or XLSX. 载入立案条件和时限。"""
    from gis_service.reference.conditions import load_conditions as run

    _load_table(run, file)


@load.command("crosswalk")
def load_crosswalk(file: FileArgument) -> None:
    """Load what classes are called in another order of codes. 载入分类代码对照。"""
    from gis_service.reference.conditions import load_crosswalk as run

    _load_table(run, file)


@load.command("units")
def load_units(file: FileArgument) -> None:
    """Load units and squads from CSV or XLSX. 载入责任单位和中队。"""
    from gis_service.reference.units import load_units as run

    _load_table(run, file)


@load.command("calendar")
def load_calendar(
    file: Annotated[Path | None, typer.Argument(help="CSV or XLSX: date, kind, note")] = None,
    seed: Annotated[
        bool, typer.Option(help="write the published days off and make-up days")
    ] = False,
    year: Annotated[
        list[int] | None, typer.Option(help="with --seed: only this year, repeatable")
    ] = None,
) -> None:
    """Load the working calendar from a file or as published. 载入工作日历。"""
    from gis_service.reference.calendar import load_days, seed_calendar
    from gis_service.wiring import CALENDAR_FOLLOWERS

    if (file is None) != seed:
        raise typer.BadParameter("either FILE or --seed")
    with ready_sessions().begin() as session:
        result = seed_calendar(session, year) if file is None else (
            load_days(session, _table(file), file.name)
        )  # fmt: skip
        for follow in CALENDAR_FOLLOWERS:
            moved = follow(session, get_settings())
            console.print(f"{moved:,} open deadlines moved / 未结案件时限变动 {moved:,} 件")
    print_answer({**result, "unplaced": 0})


@load.command("components")
def load_components(file: FileArgument, crs: str = "wgs84") -> None:
    """Load components with their owners from CSV or XLSX. 载入部件及权属单位。"""
    from gis_service.reference.components import load_components as run

    _load_table(run, file, crs)


@load.command("roster")
def load_roster(file: FileArgument) -> None:
    """Load duty shifts from CSV or XLSX. 载入值班表。"""
    from zoneinfo import ZoneInfo

    from gis_service.responsibility.roster import load_roster as run

    _load_table(run, file, ZoneInfo(get_settings().timezone))


@load.command("officers")
def load_officers(file: FileArgument) -> None:
    """Load officers with their squads from CSV or XLSX. 载入队员。"""
    from gis_service.responsibility.contract_loading import load_officers as run

    _load_table(run, file)


@load.command("contracts")
def load_contracts(file: FileArgument) -> None:
    """Load patrol contracts from CSV or XLSX. 载入片区包干责任书。"""
    import getpass

    from gis_service.responsibility.contract_loading import load_contracts as run

    _load_table(run, file, get_settings().grid_kind, getpass.getuser())


@load.command("frontages")
def load_frontages(
    file: FileArgument, dry_run: Annotated[bool, typer.Option(help="check only")] = False
) -> None:
    """Load frontage contracts from CSV or XLSX. 载入门前三包责任书。"""
    from gis_service.communities.frontage_sheet import load_frontages as run
    from gis_service.hierarchy.locating import load_locator

    settings = get_settings()
    with ready_sessions().begin() as session:
        metric = load_locator(session, settings).metric_crs
        if metric is None:
            raise InvalidInput("no areas are loaded yet", "尚未载入区划")
        result = run(session, settings, None, _bytes(file), file.name, metric_crs=metric,
                     locale="en", dry_run=dry_run)  # fmt: skip
    faults = result.pop("faults")
    for one in [*faults, *result.pop("notes")][:20]:
        console.print(one["message"], highlight=False, soft_wrap=True)
    print_answer(result)
    if faults:
        raise InvalidInput(
            f"{result['faults_in_all']} faults; nothing was changed",
            f"{result['faults_in_all']} 处错误，未作任何更改",
            where=file.name,
        )


@load.command("gazetteer")
def load_gazetteer(file: FileArgument, crs: str = "wgs84") -> None:
    """Load named places (name, kind, lon, lat) from CSV or XLSX. 载入地名地址库。"""
    from gis_service.hierarchy.gazetteer import load_gazetteer as run

    with ready_sessions().begin() as session:
        result = run(session, _table(file), file.name, crs)
    for reason in result.pop("reasons")[:20]:
        console.print(reason, highlight=False)
    print_answer({**result, "unplaced": 0})


@load.command("basemap")
def load_basemap(file: FileArgument) -> None:
    """Load roads, water, green and buildings from an .osm.pbf extract. 载入 OSM 底图。"""
    from gis_service.basemap.importing import load_extract

    with ready_sessions().begin() as session, progress_bar(file.name, 1.0) as (bar, task):
        counts = load_extract(
            session, file,
            lambda share, words: bar.update(task, completed=share, description=words),
        )  # fmt: skip
    loaded = sum(counts.values())
    print_answer({"read": loaded, "loaded": loaded, "already": 0, "rejected": 0, "unplaced": 0,
             **counts})  # fmt: skip


@load.command("plan")
def load_plan(file: FileArgument) -> None:
    """Load the plan: stages and tasks with scope, due day and units (TOML). 载入工作方案。"""
    from gis_service.planning.progress.plan_file import load_plan as run

    with ready_sessions().begin() as session:
        print_answer({**run(session, file), "already": 0, "rejected": 0, "unplaced": 0})


def _load_table(run: Callable[..., dict[str, Any]], file: Path, *more: Any) -> None:
    with ready_sessions().begin() as session:
        result = run(session, _table(file), file.name, *more)
    print_answer({**result, "unplaced": 0})


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        raise InvalidInput(str(problem.strerror), where=str(file)) from None


def _levels(pairs: list[str] | None) -> dict[str, str]:
    out: dict[str, str] = {}
    for pair in pairs or []:
        level, equals, layer = pair.partition("=")
        if not equals or not layer:
            raise typer.BadParameter(f"--level wants LEVEL=LAYER, not {pair!r}")
        out[level] = layer
    return out


def _table(file: Path) -> Iterator[dict[str, Any]]:
    """Rows of a small CSV or XLSX as dictionaries."""
    from gis_service.incidents.reading import read_rows

    for rows in read_rows(file, batch=100_000, max_bytes=get_settings().upload_bytes):
        if rows.broken:
            number, words = rows.broken[0]
            raise InvalidInput(words, where=f"{file.name}, row {number}")
        yield from rows.table.to_pylist()
