"""The ``gis-service`` command: thin, every command calls one function of a domain."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gis_service.engines import EngineName, open_engine
from gis_service.errors import DomainError, InvalidInput
from gis_service.patrol_commands import device, load_tracks, patrols
from gis_service.planning_commands import load_indicators, planning
from gis_service.settings import get_settings
from gis_service.user_commands import user

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False
)
load = typer.Typer(no_args_is_help=True, help="Load files. 载入数据。")
layers = typer.Typer(no_args_is_help=True, help="Map layers. 图层。")
draft = typer.Typer(no_args_is_help=True, help="Drafts for people to correct. 草案。")
app.add_typer(load, name="load")
app.add_typer(draft, name="draft")
app.add_typer(layers, name="layers")
app.add_typer(user, name="user")
app.add_typer(device, name="device")
app.add_typer(patrols, name="patrols")
app.add_typer(planning, name="planning")
load.command("tracks")(load_tracks)
load.command("indicators")(load_indicators)
console = Console(stderr=True)

FileArgument = Annotated[Path, typer.Argument(help="file to read")]
CrsOption = Annotated[str | None, typer.Option(help="wgs84, cgcs2000, gcj02, bd09 or EPSG:n")]


def main() -> None:
    """Entry: refusals become one line on stderr and exit code 1."""
    try:
        app()
    except DomainError as problem:
        console.print(f"[red]✗[/red] {problem.text(_locale())}", highlight=False, soft_wrap=True)
        sys.exit(1)


def _locale() -> str:
    return "zh" if os.environ.get("LANG", "").startswith("zh") else "en"


def _answer(result: dict[str, Any]) -> None:
    """The one line of JSON that ends a load on stdout."""
    typer.echo(orjson.dumps(result).decode())


@contextmanager
def _bar(words: str, total: float | None = None) -> Iterator[tuple[Progress, Any]]:
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True,
    ) as progress:  # fmt: skip
        yield progress, progress.add_task(words, total=total)


def _ready_engine() -> Any:
    """The engine of a migrated database."""
    from gis_service.ready import ready_engine

    return ready_engine()


def _sessions() -> Any:
    """Sessions on the migrated database."""
    from gis_service.ready import ready_sessions

    return ready_sessions()


@app.command()
def serve() -> None:
    """Serve the map at GIS_HOST:GIS_PORT. 启动服务。"""
    from gis_service.serving import serve as run

    _ready_engine()
    run(get_settings())


@app.command()
def stop() -> None:
    """Stop the private database cluster. 停止内置数据库。"""
    from gis_service.db.embedded import Cluster

    settings = get_settings()
    stopped = Cluster(settings.data_dir).stop()
    console.print("stopped" if stopped else "the private cluster was not running")


@app.command()
def migrate() -> None:
    """Bring the database up to date. 升级数据库。"""
    from gis_service.db.engine import get_engine
    from gis_service.ready import bring_up_to_date

    bring_up_to_date(get_engine())
    console.print("the database is up to date")


@app.command()
def check() -> None:
    """Name what is wrong with this deployment. 检查部署。"""
    from gis_service.checks import run_checks

    found = run_checks(get_settings())
    for finding in found:
        sign = "[red]✗[/red]" if finding.serious else "[yellow]![/yellow]"
        console.print(f"{sign} {escape(finding.text(_locale()))}", highlight=False, soft_wrap=True)
    if any(finding.serious for finding in found):
        raise typer.Exit(1)
    if not found:
        words = "未发现问题" if _locale() == "zh" else "nothing is wrong"
        console.print(f"[green]✓[/green] {words}")


@app.command("backup")
def back_up(
    file: Annotated[
        Path | None,
        typer.Argument(help="new file, readable by its owner only; unset: in GIS_BACKUP_DIR"),
    ] = None,
) -> None:
    """Write the whole district into one file, while it is served. 备份。"""
    from gis_service.db.backup import back_up as run
    from gis_service.db.backup import forget_backups, next_file
    from gis_service.ready import ready_engine

    file = file or next_file(get_settings())
    ready_engine()
    with _bar("backup", 1.0) as (bar, task):
        made = run(get_settings(), file, _shares(bar, task))
    console.print(
        "the key of personal data is not in it and is kept apart: gis-service user key export FILE"
    )
    gone = forget_backups(get_settings(), file)
    _answer({"file": str(file), "bytes": file.stat().st_size, "deleted": gone, **_held(made)})


@app.command("restore")
def restore(file: Annotated[Path, typer.Argument(help="what backup wrote")]) -> None:
    """Bring a backup into an empty database and compare every table. 恢复。"""
    from gis_service.db.backup import restore as run

    with _bar("restore", 1.0) as (bar, task):
        made = run(get_settings(), file, _shares(bar, task))
    console.print(f"restored as of {made['made_at']}; every table is what was backed up")
    _answer(_held(made))


def _shares(bar: Progress, task: Any) -> Any:
    return lambda share, words: bar.update(task, completed=share, description=words)


def _held(manifest: dict[str, Any]) -> dict[str, Any]:
    return {
        "tables": len(manifest["tables"]),
        "rows": sum(table["rows"] for table in manifest["tables"].values()),
        "attachments": manifest["attachments"], "migration": manifest["migration"],
        "made_at": manifest["made_at"],
    }  # fmt: skip


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
    with _sessions().begin() as session, _bar(file.name, 1.0) as (bar, task):
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
            _answer({"read": read, "loaded": 0, "already": 0, "rejected": read, "unplaced": 0,
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
    _answer(
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
    sessions = _sessions()
    with sessions.begin() as session:
        ensure_default_classes(session)
        locator = load_locator(session, settings)
    with _bar(file.name) as (bar, task):
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
    _answer(result.as_json())


@load.command("classes")
def load_classes(file: FileArgument) -> None:
    """Load incident classes from CSV or XLSX. 载入案件分类。"""
    from gis_service.reference.classes import load_classes as run

    with _sessions().begin() as session:
        result = run(session, _table(file), file.name)
    _answer({**result, "unplaced": 0})


@load.command("conditions")
def load_conditions(file: FileArgument) -> None:
    """Load the classes' conditions and limits from CSV or XLSX. 载入立案条件和时限。"""
    from gis_service.reference.conditions import load_conditions as run

    with _sessions().begin() as session:
        result = run(session, _table(file), file.name)
    _answer({**result, "unplaced": 0})


@load.command("crosswalk")
def load_crosswalk(file: FileArgument) -> None:
    """Load what classes are called in another order of codes. 载入分类代码对照。"""
    from gis_service.reference.conditions import load_crosswalk as run

    with _sessions().begin() as session:
        result = run(session, _table(file), file.name)
    _answer({**result, "unplaced": 0})


@load.command("units")
def load_units(file: FileArgument) -> None:
    """Load units and squads from CSV or XLSX. 载入责任单位和中队。"""
    from gis_service.reference.units import load_units as run

    with _sessions().begin() as session:
        result = run(session, _table(file), file.name)
    _answer({**result, "unplaced": 0})


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
    with _sessions().begin() as session:
        result = seed_calendar(session, year) if file is None else (
            load_days(session, _table(file), file.name)
        )  # fmt: skip
        for follow in CALENDAR_FOLLOWERS:
            moved = follow(session, get_settings())
            console.print(f"{moved:,} open deadlines moved / 未结案件时限变动 {moved:,} 件")
    _answer({**result, "unplaced": 0})


@load.command("components")
def load_components(file: FileArgument, crs: str = "wgs84") -> None:
    """Load components with their owners from CSV or XLSX. 载入部件及权属单位。"""
    from gis_service.reference.components import load_components as run

    with _sessions().begin() as session:
        result = run(session, _table(file), file.name, crs)
    _answer({**result, "unplaced": 0})


@load.command("roster")
def load_roster(file: FileArgument) -> None:
    """Load duty shifts from CSV or XLSX. 载入值班表。"""
    from zoneinfo import ZoneInfo

    from gis_service.responsibility.roster import load_roster as run

    with _sessions().begin() as session:
        result = run(session, _table(file), file.name, ZoneInfo(get_settings().timezone))
    _answer({**result, "unplaced": 0})


@load.command("officers")
def load_officers(file: FileArgument) -> None:
    """Load officers with their squads from CSV or XLSX. 载入队员。"""
    from gis_service.responsibility.contract_loading import load_officers as run

    with _sessions().begin() as session:
        result = run(session, _table(file), file.name)
    _answer({**result, "unplaced": 0})


@load.command("contracts")
def load_contracts(file: FileArgument) -> None:
    """Load patrol contracts from CSV or XLSX. 载入片区包干责任书。"""
    import getpass

    from gis_service.responsibility.contract_loading import load_contracts as run

    with _sessions().begin() as session:
        result = run(session, _table(file), file.name, get_settings().grid_kind, getpass.getuser())
    _answer({**result, "unplaced": 0})


@load.command("frontages")
def load_frontages(
    file: FileArgument, dry_run: Annotated[bool, typer.Option(help="check only")] = False
) -> None:
    """Load frontage contracts from CSV or XLSX. 载入门前三包责任书。"""
    from gis_service.communities.frontage_sheet import load_frontages as run
    from gis_service.hierarchy.locating import load_locator

    settings = get_settings()
    with _sessions().begin() as session:
        metric = load_locator(session, settings).metric_crs
        if metric is None:
            raise InvalidInput("no areas are loaded yet", "尚未载入区划")
        result = run(session, settings, None, metric, _bytes(file), file.name, locale="en",
                     dry_run=dry_run)  # fmt: skip
    faults = result.pop("faults")
    for one in [*faults, *result.pop("notes")][:20]:
        console.print(one["message"], highlight=False, soft_wrap=True)
    _answer(result)
    if faults:
        raise InvalidInput(
            f"{result['faults_in_all']} faults; nothing was changed",
            f"{result['faults_in_all']} 处错误，未作任何更改",
            where=file.name,
        )


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        raise InvalidInput(str(problem.strerror), where=str(file)) from None


@load.command("gazetteer")
def load_gazetteer(file: FileArgument, crs: str = "wgs84") -> None:
    """Load named places (name, kind, lon, lat) from CSV or XLSX. 载入地名地址库。"""
    from gis_service.hierarchy.gazetteer import load_gazetteer as run

    with _sessions().begin() as session:
        result = run(session, _table(file), file.name, crs)
    for reason in result.pop("reasons")[:20]:
        console.print(reason, highlight=False)
    _answer({**result, "unplaced": 0})


@app.command()
def locate(
    points: Annotated[Path, typer.Argument(help="CSV or Parquet with a position in each row")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV or Parquet to write")],
    lon: Annotated[str | None, typer.Option(help="column of the longitude or easting")] = None,
    lat: Annotated[str | None, typer.Option(help="column of the latitude or northing")] = None,
    crs: Annotated[str, typer.Option(help="wgs84, cgcs2000, gcj02, bd09 or EPSG:n")] = "wgs84",
    engine: Annotated[EngineName, typer.Option(help="dask: on the workers of a cluster")] = "local",
    scheduler: Annotated[
        str | None, typer.Option(help="tcp://HOST:8786 of a Dask cluster; else one of this machine")
    ] = None,
) -> None:
    """Add the areas to every row of a table of points. 批量落点。"""
    from gis_service.hierarchy.batch_locating import locate_file
    from gis_service.hierarchy.locating import load_locator

    with _sessions().begin() as session:
        locator = load_locator(session, get_settings())
    with open_engine(engine, scheduler) as where, _bar(points.name) as (bar, task):
        result = locate_file(
            locator, points, output, lon=lon, lat=lat, crs=crs, engine=where,
            progress=lambda rows: bar.update(task, completed=rows),
        )  # fmt: skip
    _answer({"read": result.read, "loaded": result.loaded, "already": 0,
             "rejected": result.rejected, "unplaced": result.unplaced, "crs": crs})  # fmt: skip


@draft.command("grids")
def draft_grids(
    streets: Annotated[Path, typer.Option(help="vector file of street lines, or .osm.pbf")],
    output: Annotated[Path, typer.Option("--output", "-o", help="GeoPackage to write")],
    community: Annotated[list[str], typer.Option(help="code, repeatable")],
    area: Annotated[float, typer.Option(min=1, help="size to aim at, m²")] = 60_000.0,
    households: Annotated[
        float | None, typer.Option(min=1, help="aim at households instead, from the buildings")
    ] = None,
    crs: CrsOption = None,
) -> None:
    """Cut communities into grids along streets, as a file to look at and load. 划分网格草案。"""
    import pyogrio

    from gis_service.hierarchy.drafting import draft_grids as run
    from gis_service.hierarchy.drafting import read_streets
    from gis_service.hierarchy.queries import communities_and_buildings

    with _sessions().begin() as session, _bar("drafting"):
        chosen, buildings, metric_crs = communities_and_buildings(
            session, community, get_settings().metric_crs
        )
        grids = run(
            chosen, read_streets(streets, crs), metric_crs=metric_crs, target_m2=area,
            buildings=buildings, target_households=households,
        )  # fmt: skip
    output.unlink(missing_ok=True)
    pyogrio.write_dataframe(grids, output, layer="grid", driver="GPKG")
    console.print(
        f"{len(grids)} grids of {grids['area_m2'].median():,.0f} m² (median) in {output}; look at "
        f"them, then: gis-service load hierarchy {output}"
    )
    _answer({"read": len(chosen), "loaded": len(grids), "already": 0, "rejected": 0,
             "unplaced": 0})  # fmt: skip


@layers.command("list")
def list_layers() -> None:
    """The layers, with their fields and filters. 列出图层。"""
    from gis_service.maps.registry import read_registry

    for layer in read_registry(get_settings().layers_dir):
        typer.echo(f"{layer.id}\t{layer.title.zh}\t{layer.title.en}\t{layer.source}\t"
                   f"{','.join(layer.filters)}")  # fmt: skip


@layers.command("check")
def check_layers() -> None:
    """Run every layer on the database and compare it with its description. 检查图层。"""
    from gis_service.maps.checking import check_layers as run

    problems = run(_ready_engine(), get_settings())
    for line in problems:
        console.print(f"[red]✗[/red] {line}", highlight=False)
    if problems:
        raise typer.Exit(1)
    console.print("[green]✓[/green] every layer is as described")


@app.command()
def snapshot(
    layer: Annotated[list[str], typer.Argument(help="layers to draw, such as grid_density")],
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write")],
    from_: Annotated[str | None, typer.Option("--from", help="ISO date, inclusive")] = None,
    to: Annotated[str | None, typer.Option(help="ISO date, exclusive")] = None,
) -> None:
    """Write one self-contained map that opens with no network. 导出离线地图。"""
    from zoneinfo import ZoneInfo

    from gis_service.incidents.arrays import read_snapshot
    from gis_service.incidents.filters import IncidentFilter, parse_moment
    from gis_service.maps.snapshots import make_snapshot

    settings = get_settings()
    zone = ZoneInfo(settings.timezone)
    wanted = IncidentFilter(
        since=parse_moment(from_, zone, "--from"), until=parse_moment(to, zone, "--to")
    )
    with _sessions().begin() as session, _bar("drawing"):
        body = make_snapshot(session, read_snapshot(session), wanted, layer, settings)
    output.write_text(body, encoding="utf-8")
    console.print(f"{output}: {len(body.encode()) / 2**20:.1f} MiB, opens without a network")


@app.command()
def rollup(
    output: Annotated[Path, typer.Argument(help="GeoParquet file to write")],
    zoom: Annotated[int, typer.Option(help="zoom whose tiles are the cells, 5 to 20")] = 16,
    engine: Annotated[EngineName, typer.Option(help="dask: on the workers of a cluster")] = "local",
    scheduler: Annotated[
        str | None, typer.Option(help="tcp://HOST:8786 of a Dask cluster; else one of this machine")
    ] = None,
) -> None:
    """Write how many incidents each cell, class and day has. 导出按网眼、类别、日汇总的案件数。"""
    from zoneinfo import ZoneInfo

    from sqlalchemy import text

    from gis_service.incidents.arrays import read_snapshot
    from gis_service.maps.rolling_up import roll_up

    with _sessions().begin() as session:
        incidents = read_snapshot(session)
        codes = dict(session.execute(text("SELECT id, code FROM incident_class")).tuples().all())
    with open_engine(engine, scheduler) as where, _bar(output.name) as (bar, task):
        bar.update(task, total=1.0)
        done = roll_up(
            incidents, zoom, ZoneInfo(get_settings().timezone), codes, output, engine=where,
            progress=lambda share: bar.update(task, completed=share),
        )  # fmt: skip
    _answer(done)


@app.command("pin")
def pin_incident(
    incident: Annotated[int, typer.Argument(help="number of the incident")],
    lon: Annotated[float, typer.Option(help="longitude or easting")],
    lat: Annotated[float, typer.Option(help="latitude or northing")],
    crs: Annotated[str, typer.Option(help="wgs84, cgcs2000, gcj02, bd09 or EPSG:n")] = "wgs84",
) -> None:
    """Say where an incident lies; its address is remembered. 人工落点。"""
    import getpass

    from gis_service.hierarchy.locating import load_locator
    from gis_service.incidents.pinning import pin_incident as run

    with _sessions().begin() as session:
        locator = load_locator(session, get_settings())
        placed = run(session, locator, incident, lon, lat, crs=crs, actor=getpass.getuser())
        area = locator.area("grid", placed["grid_id"]) or {}
    console.print(f"incident {incident}: {area.get('name', 'no grid')} {area.get('code', '')}")


@app.command("re-place")
def place_again() -> None:
    """Place every incident again on the boundaries in force. 重新归属全部案件。"""
    from gis_service.incidents.placing_again import place_everything_again

    with _sessions().begin() as session, _bar("placing") as (bar, task):
        changed = place_everything_again(session, lambda rows: bar.advance(task, rows))
    console.print(f"{changed:,} incidents lie elsewhere now")


@load.command("basemap")
def load_basemap(file: FileArgument) -> None:
    """Load roads, water, green and buildings from an .osm.pbf extract. 载入 OSM 底图。"""
    from gis_service.basemap.importing import load_extract

    with _sessions().begin() as session, _bar(file.name, 1.0) as (bar, task):
        counts = load_extract(
            session, file,
            lambda share, words: bar.update(task, completed=share, description=words),
        )  # fmt: skip
    loaded = sum(counts.values())
    _answer({"read": loaded, "loaded": loaded, "already": 0, "rejected": 0, "unplaced": 0,
             **counts})  # fmt: skip


@load.command("plan")
def load_plan(file: FileArgument) -> None:
    """Load the plan: stages and tasks with scope, due day and units (TOML). 载入工作方案。"""
    from gis_service.planning.progress.plan_file import load_plan as run

    with _sessions().begin() as session:
        _answer({**run(session, file), "already": 0, "rejected": 0, "unplaced": 0})


@app.command()
def purge() -> None:
    """Delete the names and phones of residents that are older than GIS_PERSONAL_DAYS; what they
    reported, answered and said stays. 清理到期个人信息。"""
    from gis_service.communities.people import purge_people
    from gis_service.incidents.people import purge as run

    with _sessions().begin() as session:
        settings = get_settings()
        _answer({"reporters": run(session, settings), "residents": purge_people(session, settings)})


@app.command()
def housekeeping() -> None:
    """Do now what a serving process does by itself: delete what may no longer be kept.
    清理到期数据。"""
    from gis_service.housekeeping import do_all

    _answer(do_all(_sessions(), get_settings()))


@app.command()
def demo(
    seed: Annotated[int, typer.Option(min=0, help="another seed is another district")] = 1,
    scale: Annotated[str, typer.Option(help="small or full")] = "full",
    truth: Annotated[bool, typer.Option(help="print what was planted, load nothing")] = False,
    as_of: Annotated[
        datetime | None, typer.Option(help="when its year ends; the beginning of today")
    ] = None,
) -> None:
    """Load the demo district and serve it. 载入示意区并启动服务。"""
    from zoneinfo import ZoneInfo

    from gis_service.demo.district import make_district
    from gis_service.demo.incidents import TIMEZONE, make_incidents
    from gis_service.demo.loading import load_demo
    from gis_service.demo.promises import plan_patrols
    from gis_service.serving import check_port
    from gis_service.serving import serve as run
    from gis_service.wiring import REVISION_FOLLOWERS

    if scale not in ("small", "full"):
        raise typer.BadParameter("small or full", param_hint="--scale")
    end = as_of.replace(tzinfo=ZoneInfo(TIMEZONE)) if as_of else None
    if truth:
        with _bar("generating", 1.0) as (bar, task):
            district = make_district(
                seed, scale,  # type: ignore[arg-type]
                lambda share, words: bar.update(task, completed=share, description=words),
            )  # fmt: skip
            _, planted = make_incidents(district, seed, end)
            promised = plan_patrols(district, seed, planted.as_of)
        _answer({**planted.to_json(), "coverage": promised.truth()})
        return
    settings = get_settings()
    check_port(settings)
    with _bar("demo", 1.0) as (bar, task):
        result = load_demo(
            _sessions(), settings, seed=seed, scale=scale,  # type: ignore[arg-type]
            as_of=end, followers=REVISION_FOLLOWERS,
            progress=lambda share, words: bar.update(task, completed=share, description=words),
        )  # fmt: skip
    if result is None:
        console.print("演示数据已在 / the demo district is there already")
    else:
        console.print(
            f"{result.loaded:,} incidents loaded, {result.unplaced:,} of them unplaced (示意数据)"
        )
    run(settings)


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
