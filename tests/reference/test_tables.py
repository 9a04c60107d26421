"""Loading units, classes, conditions, crosswalks and components: bad input first, then twice."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from gis_service.cli import app
from gis_service.errors import InvalidInput
from gis_service.reference.classes import DEFAULT_SET, load_classes
from gis_service.reference.components import load_components
from gis_service.reference.conditions import (
    DEFAULT_CONDITIONS,
    DEFAULT_CROSSWALK,
    load_conditions,
    load_crosswalk,
)
from gis_service.reference.defaults import ensure_default_classes
from gis_service.reference.units import DEFAULT_UNITS, load_units
from tests.conftest import Database

Load = Callable[[Session, list[dict[str, Any]], str], dict[str, int]]
UNITS = [{"code": "U1", "name": "市政中心"}, {"code": "U2", "name": "供水企业", "outside": "是"}]
CLASSES = [{"code": "K1", "name": "井盖", "unit": "U1"}, {"code": "K2", "name": "路灯", "unit": ""}]
CONDITION = {"class": "K1", "number": "1", "name": "缺失", "limit_amount": "2",
             "limit_unit": "工作时", "unit": "供水企业"}  # fmt: skip
COMPONENT = {"code": "B1", "class": "K1", "owner": "U2", "lon": "118.6", "lat": "24.9"}
PLAN_UNITS = (
    "执法综合股 政策法规股 市政股 市政中心 市容股 燃气中心 "
    "环境卫生中心 人事教育股 执法大队 街道执法中队"
)
PLAN_DUTIES = "违法建设 园林绿化 环境卫生 供水排水 燃气安全 市政设施 户外广告 餐饮油烟 建筑垃圾"
TABLES = ("unit", "squad", "incident_class", "class_condition", "class_crosswalk", "component")


def prepare(session: Session) -> None:
    load_units(session, UNITS, "units")
    load_classes(session, CLASSES, "classes")


def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    return {table: database.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES}


@pytest.mark.parametrize(
    ("load", "rows", "said"),
    [
        (load_units, [], "no rows"),
        (load_units, [{"code": "", "name": None}], "no rows"),
        (load_units, [{"name": "x"}], "no column 'code'"),
        (load_units, [{"code": "", "name": " "}, {"code": "U9", "name": ""}], "row 3: no name"),
        (load_units, [{"code": "U9", "name": ""}], "row 2: no name"),
        (load_units, [{"code": "U9", "name": "x"}, {"code": "U9", "name": "y"}], "row 3: "),
        (load_units, [{"code": "U9", "name": "x", "outside": "maybe"}], "neither yes nor no"),
        (load_units, [{"code": "U9", "name": "x", "kind": "office"}], "kind 'office' is none of"),
        (load_units, [{"code": "Q", "name": "x", "kind": "squad"}], "a squad needs its unit"),
        (
            load_units,
            [
                {"code": "U9", "name": "new"},
                {"code": "Q", "name": "x", "kind": "中队", "parent": "U8"},
            ],
            "row 3: unknown unit 'U8'",
        ),
        (load_classes, [{"code": "K9", "name": "x", "unit": "U9"}], "row 2: unknown unit 'U9'"),
        (load_classes, [{"code": "K9", "name": "x", "duplicate_m": "-3"}], "no number above 0"),
        (load_classes, [{"code": "K9", "name": "x", "valid_from": "soon"}], "is no day such as"),
        (load_conditions, [{**CONDITION, "class": "K9"}], "row 2: unknown class 'K9'"),
        (load_conditions, [{**CONDITION, "unit": "U9"}], "row 2: unknown unit 'U9'"),
        (load_conditions, [{**CONDITION, "limit_amount": "two"}], "no number above 0"),
        (load_conditions, [{**CONDITION, "limit_amount": "0"}], "no number above 0"),
        (load_conditions, [{**CONDITION, "limit_amount": "nan"}], "no number above 0"),
        (load_conditions, [{**CONDITION, "limit_amount": "99999"}], "is a slip"),
        (load_conditions, [{**CONDITION, "limit_unit": "days"}], "limit_unit 'days' is none of"),
        (load_conditions, [{**CONDITION, "number": "1.5"}], "no whole number"),
        (load_conditions, [CONDITION, {**CONDITION, "number": "2"}, CONDITION], "row 4: "),
        (
            load_crosswalk,
            [{"code": "K9", "other_scheme": "o", "other_code": "1"}],
            "row 2: unknown class 'K9'",
        ),
        (load_components, [{**COMPONENT, "lat": "124.9"}], "are no position in wgs84"),
        (load_components, [{**COMPONENT, "lat": ""}], "row 2: no lat"),
        (load_components, [{**COMPONENT, "lon": "east"}], "lon 'east' is no number"),
        (load_components, [{**COMPONENT, "owner": "nobody"}], "unknown owner 'nobody'"),
        (load_components, [{**COMPONENT, "class": "K9"}], "unknown class 'K9'"),
    ],
)  # fmt: skip
def test_a_faulty_table_is_refused_by_row_and_changes_nothing(
    database: Database, load: Load, rows: list[dict[str, Any]], said: str
) -> None:
    with database.sessions.begin() as session:
        prepare(session)
    before = contents(database)
    with pytest.raises(InvalidInput) as refused, database.sessions.begin() as session:
        load(session, rows, "table.xlsx")
    assert refused.value.where == "table.xlsx"
    assert said in refused.value.text("en")
    assert refused.value.text("zh") != refused.value.text("en")
    assert contents(database) == before


def test_every_faulty_row_is_named_and_many_are_counted(database: Database) -> None:
    with database.sessions.begin() as session:
        prepare(session)
    rows = [{**CONDITION, "number": str(n + 1), "unit": f"U{n + 10}"} for n in range(30)]
    with pytest.raises(InvalidInput) as refused, database.sessions.begin() as session:
        load_conditions(session, rows, "c.csv")
    assert "row 2: unknown unit 'U10'" in refused.value.message
    assert "row 21: unknown unit 'U29'" in refused.value.message
    assert refused.value.message.endswith("and 10 more")
    assert len(refused.value.data["faults"]) == 30


def test_what_is_there_already_is_counted_and_columns_that_are_missing_stay(
    database: Database,
) -> None:
    with database.sessions.begin() as session:
        prepare(session)
        assert load_units(session, UNITS, "u") == {
            "read": 2, "loaded": 0, "already": 2, "rejected": 0,
        }  # fmt: skip
        assert load_conditions(session, [CONDITION], "c")["loaded"] == 1
        assert load_conditions(session, [CONDITION], "c")["already"] == 1
        assert load_components(session, [COMPONENT], "b")["loaded"] == 1
        assert load_components(session, [COMPONENT], "b")["already"] == 1
        assert load_components(session, [{**COMPONENT, "depth": "2"}], "b")["loaded"] == 1
        # neither outside nor unit are in these files
        assert load_units(session, [{"code": "U2", "name": "水务"}], "u")["loaded"] == 1
        assert load_classes(session, [{"code": "K1", "name": "盖"}], "k")["loaded"] == 1
    assert database.rows("SELECT name, outside FROM unit WHERE code = 'U2'") == [("水务", True)]
    assert database.rows(
        "SELECT c.name, u.code FROM incident_class c JOIN unit u ON u.id = c.unit_id"
    ) == [("盖", "U1")]
    assert database.rows("SELECT attributes, ST_AsText(geom) FROM component") == [
        ({"depth": "2"}, "POINT(118.6 24.9)")
    ]
    # an empty unit is an answer: nobody
    with database.sessions.begin() as session:
        load_classes(session, [{"code": "K1", "name": "盖", "unit": ""}], "k")
    assert database.value("SELECT unit_id FROM incident_class WHERE code = 'K1'") is None


def test_changes_are_published_and_repetitions_are_not(database: Database) -> None:
    with database.sessions.begin() as session:
        prepare(session)
        load_conditions(session, [CONDITION], "c")
    topics = database.rows("SELECT topic, count(*) FROM event GROUP BY topic ORDER BY topic")
    assert topics == [("classes", 2), ("units", 1)]
    with database.sessions.begin() as session:
        prepare(session)
        load_conditions(session, [CONDITION], "c")
    assert database.value("SELECT count(*) FROM event") == 3


def test_components_may_come_in_another_system(database: Database) -> None:
    with database.sessions.begin() as session:
        prepare(session)
        row = {**COMPONENT, "lon": "358546.550", "lat": "2755704.677"}
        load_components(session, [row], "b", "EPSG:4549")
    lon, lat = database.rows("SELECT ST_X(geom), ST_Y(geom) FROM component")[0]
    assert (lon, lat) == pytest.approx((118.6, 24.9), abs=1e-7)


def test_the_default_set_is_whole(database: Database) -> None:
    for _ in range(2):
        with database.sessions.begin() as session:
            ensure_default_classes(session)
    assert database.value("SELECT count(*) FROM incident_class") == 77
    # every class has a condition, and the plan's units are there
    assert not database.rows(
        "SELECT code FROM incident_class c WHERE NOT EXISTS "
        "(SELECT 1 FROM class_condition k WHERE k.class_id = c.id)"
    )
    ours = {name for (name,) in database.rows("SELECT name FROM unit WHERE NOT outside")}
    assert ours == set(PLAN_UNITS.split())
    duties = {duty for (duty,) in database.rows("SELECT DISTINCT duty FROM incident_class")}
    assert duties >= set(PLAN_DUTIES.split())
    assert [row[0] for row in database.rows(
        "SELECT code FROM incident_class WHERE unit_id IS NULL ORDER BY code"
    )] == ["C-01-23", "C-02-94", "E-05-93", "E-06-98"]  # fmt: skip
    assert database.rows(
        "SELECT other_code FROM class_crosswalk WHERE code = 'C-01-23'"
    ) == [("1001-14",)]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "limits"),
    [
        ("C-01-37", ["1d", "1d", "2d", "2h", "3d"]),
        ("C-01-99", ["2U", "4h", "2d", "5d"]),
        ("E-01-99", ["2UD", "15d"]),
        ("E-01-12", ["2h"]),
        ("E-05-97", ["1U", "5d"]),
        ("E-04-01", ["2U"]),
        ("C-02-99", ["1d", "5d", "5d", "3d", "7d"]),
    ],
)
def test_default_limits_are_the_published_ones(
    database: Database, code: str, limits: list[str]
) -> None:
    with database.sessions.begin() as session:
        ensure_default_classes(session)
    short = {"urgent_hour": "U", "urgent_day": "UD", "working_hour": "h", "working_day": "d"}
    rows = database.rows(
        "SELECT limit_amount, limit_unit FROM class_condition k JOIN incident_class c "
        "ON c.id = k.class_id WHERE c.code = %s ORDER BY number", code,
    )  # fmt: skip
    assert [f"{amount:g}{short[unit]}" for amount, unit in rows] == limits


def test_a_district_with_units_of_its_own_keeps_them(database: Database) -> None:
    with database.sessions.begin() as session:
        load_units(session, [{"code": "SZZX", "name": "本地市政"}], "u")
        ensure_default_classes(session)
    assert database.rows("SELECT code, name FROM unit") == [("SZZX", "本地市政")]
    assigned = database.value("SELECT count(*) FROM incident_class WHERE unit_id IS NOT NULL")
    assert 0 < assigned < 30


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("units", DEFAULT_UNITS), ("classes", DEFAULT_SET), ("conditions", DEFAULT_CONDITIONS),
        ("crosswalk", DEFAULT_CROSSWALK),
    ],
)  # fmt: skip
def test_the_default_files_load_again_from_excel(
    database: Database, tmp_path: Path, command: str, path: Path
) -> None:
    """As a person would: open the CSV, save it as a workbook, load it."""
    with database.sessions.begin() as session:
        ensure_default_classes(session)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    with path.open(encoding="utf-8", newline="") as handle:
        for row in csv.reader(handle):
            sheet.append([float(v) if v.replace(".", "").isdecimal() else v for v in row])
    book.save(tmp_path / "table.xlsx")
    answer = CliRunner().invoke(app, ["load", command, str(tmp_path / "table.xlsx")])
    assert answer.exit_code == 0, answer.output
    assert '"loaded":0' in answer.stdout
    assert '"rejected":0' in answer.stdout


def test_chinese_headings_and_words_are_read(database: Database, tmp_path: Path) -> None:
    with database.sessions.begin() as session:
        prepare(session)
    table = tmp_path / "条件.csv"
    table.write_text(
        "类别代码,序号,立案条件,时限,时限单位,责任单位,启用\nK1,1,破损,4,工作时,市政中心,是\n",
        encoding="gb18030",
    )
    answer = CliRunner().invoke(app, ["load", "conditions", str(table)])
    assert answer.exit_code == 0, answer.output
    assert database.rows("SELECT name, limit_amount, limit_unit FROM class_condition") == [
        ("破损", 4.0, "working_hour")
    ]
