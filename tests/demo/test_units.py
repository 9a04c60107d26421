"""The demo's squads, roster and components: equal seeds give equal ones, and they load."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from gis_service.demo.district import District, make_district
from gis_service.demo.units import COMPONENTS, components, load_demo_units, shifts, squads
from gis_service.responsibility.queries import gaps, load_responsibilities
from tests.conftest import Database
from tests.demo.checks import AS_OF


def test_everything_loads_and_answers(database: Database, district: District) -> None:
    with database.sessions.begin() as session:
        load_demo_units(session, database.settings, district, AS_OF)
    counts = {
        table: database.value(f"SELECT count(*) FROM {table}")
        for table in ("squad", "duty_shift", "component")
    }
    streets = len(district.street)
    assert counts == {
        "squad": streets, "duty_shift": 545 * (streets + 1), "component": COMPONENTS["small"],
    }  # fmt: skip
    with database.sessions() as session:
        r = load_responsibilities(session)
        assert not gaps(session)["shared_streets"]
    for code in district.street["code"]:
        assert [squad.street_codes for squad in r.squads_of(code)] == [(code,)]


def test_components_have_owners_and_lie_in_the_district(district: District) -> None:
    rows = components(district)
    west, south, east, north = district.street.total_bounds
    for row in rows:
        assert west - 0.001 < float(row["lon"]) < east + 0.001
        assert south - 0.001 < float(row["lat"]) < north + 0.001
    owners = Counter(row["owner"] for row in rows)
    assert owners["SZZX"] > owners["GSQY"] > 0
    assert owners[""] > 0


def test_a_seed_gives_the_same_again_and_another_another(district: District) -> None:
    def made(district: District) -> tuple[object, ...]:
        return squads(district), list(shifts(district, AS_OF)), components(district)

    assert made(district) == made(make_district(district.seed, "small"))
    assert components(district) != components(replace(district, seed=21))
    assert list(shifts(district, AS_OF)) != list(shifts(replace(district, seed=21), AS_OF))
