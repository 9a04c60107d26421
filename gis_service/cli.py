"""The ``gis-service`` command: thin, every command calls one function of a domain."""

from __future__ import annotations

import gc
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import Progress

from gis_service.commands.loading import load
from gis_service.commands.patrols import device, patrols
from gis_service.commands.planning import planning
from gis_service.commands.shared import (
    CrsOption,
    EngineOption,
    SchedulerOption,
    console,
    locale,
    print_answer,
    progress_bar,
    ready_sessions,
)
from gis_service.commands.users import user
from gis_service.engines import open_engine
from gis_service.errors import DomainError
from gis_service.settings import get_settings

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False
)
layers = typer.Typer(no_args_is_help=True, help="Map layers. 图层。")
draft = typer.Typer(no_args_is_help=True, help="Drafts for people to correct. 草案。")
app.add_typer(load, name="load")
app.add_typer(draft, name="draft")
app.add_typer(layers, name="layers")
app.add_typer(user, name="user")
app.add_typer(device, name="device")
app.add_typer(patrols, name="patrols")
app.add_typer(planning, name="planning")


def main() -> None:
    """Entry: refusals become one line on stderr and exit code 1."""
    # importing libraries, and requests that are under way, make far more than the 700 objects after
    # which the collector of garbage sets out by itself: a sixth of the processor's time, and every
    # few seconds of serving a tenth of one to go through everything
    gc.set_threshold(20_000, 20, 20)
    try:
        app()
    except DomainError as problem:
        console.print(f"[red]✗[/red] {problem.text(locale())}", highlight=False, soft_wrap=True)
        sys.exit(1)


@app.command()
def serve() -> None:
    """Serve the map at GIS_HOST:GIS_PORT. 启动服务。"""
    from gis_service.serving import serve as run

    ready_sessions()
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
        console.print(f"{sign} {escape(finding.text(locale()))}", highlight=False, soft_wrap=True)
    if any(finding.serious for finding in found):
        raise typer.Exit(1)
    if not found:
        words = "未发现问题" if locale() == "zh" else "nothing is wrong"
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

    file = file or next_file(get_settings())
    ready_sessions()
    with progress_bar("backup", 1.0) as (bar, task):
        made = run(get_settings(), file, _shares(bar, task))
    console.print(
        "the key of personal data is not in it and is kept apart: gis-service user key export FILE"
    )
    gone = forget_backups(get_settings(), file)
    print_answer({"file": str(file), "bytes": file.stat().st_size, "deleted": gone, **_held(made)})


@app.command("restore")
def restore(file: Annotated[Path, typer.Argument(help="what backup wrote")]) -> None:
    """Bring a backup into an empty database and compare every table. 恢复。"""
    from gis_service.db.backup import restore as run

    with progress_bar("restore", 1.0) as (bar, task):
        made = run(get_settings(), file, _shares(bar, task))
    console.print(f"restored as of {made['made_at']}; every table is what was backed up")
    print_answer(_held(made))


def _shares(bar: Progress, task: Any) -> Any:
    return lambda share, words: bar.update(task, completed=share, description=words)


def _held(manifest: dict[str, Any]) -> dict[str, Any]:
    return {
        "tables": len(manifest["tables"]),
        "rows": sum(table["rows"] for table in manifest["tables"].values()),
        "attachments": manifest["attachments"], "migration": manifest["migration"],
        "made_at": manifest["made_at"],
    }  # fmt: skip


@app.command()
def locate(
    points: Annotated[Path, typer.Argument(help="CSV or Parquet with a position in each row")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV or Parquet to write")],
    lon: Annotated[str | None, typer.Option(help="column of the longitude or easting")] = None,
    lat: Annotated[str | None, typer.Option(help="column of the latitude or northing")] = None,
    crs: Annotated[str, typer.Option(help="wgs84, cgcs2000, gcj02, bd09 or EPSG:n")] = "wgs84",
    engine: EngineOption = "local",
    scheduler: SchedulerOption = None,
) -> None:
    """Add the areas to every row of a table of points. 批量落点。"""
    from gis_service.hierarchy.batch_locating import locate_file
    from gis_service.hierarchy.locating import load_locator

    with ready_sessions().begin() as session:
        locator = load_locator(session, get_settings())
    with open_engine(engine, scheduler) as where, progress_bar(points.name) as (bar, task):
        result = locate_file(
            locator, points, output, lon=lon, lat=lat, crs=crs, engine=where,
            progress=lambda rows: bar.update(task, completed=rows),
        )  # fmt: skip
    print_answer({"read": result.read, "loaded": result.loaded, "already": 0,
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

    with ready_sessions().begin() as session, progress_bar("drafting"):
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
    print_answer({"read": len(chosen), "loaded": len(grids), "already": 0, "rejected": 0,
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
    from gis_service.ready import ready_engine

    problems = run(ready_engine(), get_settings())
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
    with ready_sessions().begin() as session, progress_bar("drawing"):
        body = make_snapshot(session, read_snapshot(session), wanted, layer, settings)
    output.write_text(body, encoding="utf-8")
    console.print(f"{output}: {len(body.encode()) / 2**20:.1f} MiB, opens without a network")


@app.command()
def rollup(
    output: Annotated[Path, typer.Argument(help="GeoParquet file to write")],
    zoom: Annotated[int, typer.Option(help="zoom whose tiles are the cells, 5 to 20")] = 16,
    engine: EngineOption = "local",
    scheduler: SchedulerOption = None,
) -> None:
    """Write how many incidents each cell, class and day has. 导出按网眼、类别、日汇总的案件数。"""
    from zoneinfo import ZoneInfo

    from sqlalchemy import text

    from gis_service.incidents.arrays import read_snapshot
    from gis_service.maps.rolling_up import roll_up

    with ready_sessions().begin() as session:
        incidents = read_snapshot(session)
        codes = dict(session.execute(text("SELECT id, code FROM incident_class")).tuples().all())
    with open_engine(engine, scheduler) as where, progress_bar(output.name) as (bar, task):
        bar.update(task, total=1.0)
        done = roll_up(
            incidents, zoom, ZoneInfo(get_settings().timezone), codes, output, engine=where,
            progress=lambda share: bar.update(task, completed=share),
        )  # fmt: skip
    print_answer(done)


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

    with ready_sessions().begin() as session:
        locator = load_locator(session, get_settings())
        placed = run(session, locator, incident, lon, lat, crs=crs, actor=getpass.getuser())
        area = locator.area("grid", placed["grid_id"]) or {}
    console.print(f"incident {incident}: {area.get('name', 'no grid')} {area.get('code', '')}")


@app.command("re-place")
def place_again() -> None:
    """Place every incident again on the boundaries in force. 重新归属全部案件。"""
    from gis_service.incidents.placing_again import place_everything_again

    with ready_sessions().begin() as session, progress_bar("placing") as (bar, task):
        changed = place_everything_again(session, lambda rows: bar.advance(task, rows))
    console.print(f"{changed:,} incidents lie elsewhere now")


@app.command()
def purge() -> None:
    """Delete the names and phones of residents that are older than GIS_PERSONAL_DAYS; what they
    reported, answered and said stays. 清理到期个人信息。"""
    from gis_service.communities.people import purge_people
    from gis_service.incidents.people import purge as run

    with ready_sessions().begin() as session:
        settings = get_settings()
        print_answer(
            {"reporters": run(session, settings), "residents": purge_people(session, settings)}
        )


@app.command()
def housekeeping() -> None:
    """Do now what a serving process does by itself: delete what may no longer be kept.
    清理到期数据。"""
    from gis_service.housekeeping import do_all

    print_answer(do_all(ready_sessions(), get_settings()))


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
        with progress_bar("generating", 1.0) as (bar, task):
            district = make_district(
                seed, scale,  # type: ignore[arg-type]
                lambda share, words: bar.update(task, completed=share, description=words),
            )  # fmt: skip
            _, planted = make_incidents(district, seed, end)
            promised = plan_patrols(district, seed, planted.as_of)
        print_answer({**planted.to_json(), "coverage": promised.truth()})
        return
    settings = get_settings()
    check_port(settings)
    with progress_bar("demo", 1.0) as (bar, task):
        result = load_demo(
            ready_sessions(), settings, seed=seed, scale=scale,  # type: ignore[arg-type]
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
