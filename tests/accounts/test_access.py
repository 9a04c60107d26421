"""Every route says who may use it, and does as it says: each route × each role and a visitor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from gis_service.accounts.dependencies import access_of
from gis_service.accounts.permissions import PERMISSIONS, ROLES
from gis_service.app import create_app
from gis_service.incidents.workflow import ACTIONS
from gis_service.maps.registry import read_registry
from gis_service.settings import Settings
from tests.conftest import ROOT, Database, token_headers
from tests.incidents.test_loading import row
from tests.test_http import features, fill, tile_of

REGISTRY = read_registry(ROOT / "layers")
# where addresses have names, those of the small district; numbers name nothing: what is allowed
# finds nothing to change
NAMES = {
    "level": "grid", "code": "S0C0G0", "name": "map", "language": "zh", "path": "map.css",
    "z": "12", "x": "1", "y": "1", "action": "verify", "format": "csv",
}  # fmt: skip
NOTHING = "99999999"
# an endless answer; its guard is the same as that of the list
ENDLESS = {"/events"}


@dataclass(frozen=True)
class Try:
    """One request that a route stands for, and what it wants."""

    method: str
    path: str
    access: str
    page: bool


def guards(dependant: Any) -> list[str]:
    found = [access for access in (access_of(dependant.call),) if access]
    for part in dependant.dependencies:
        found += guards(part)
    return found


def tries(app: FastAPI) -> list[Try]:
    """Every route of the application; a layer's route once for each layer."""
    out = []
    for route in iter_route_contexts(app.routes):
        # what is mounted has a test of its own
        if route.path in ("/api/openapi.json", "/ogc"):
            continue
        found = set(guards(route.dependant))
        assert len(found) == 1, f"{route.path} wants one guard, has {found or 'none'}"
        access = found.pop()
        for method in sorted(route.methods or ()):
            for layer in REGISTRY if "{layer_id}" in str(route.path) else (None,):
                values = {
                    **NAMES,
                    **({"layer_id": layer.id, "z": str(layer.minzoom)} if layer else {}),
                }
                path = re.sub(
                    r"{(\w+)(:path)?}", lambda m, v=values: v.get(m[1], NOTHING), str(route.path)
                )
                wanted = access
                if layer and access == "layer":
                    wanted = layer.permission or "public"
                page = not path.startswith(
                    ("/api", "/tiles", "/styles", "/static", "/events", "/metrics")
                )
                out.append(Try(method, path, wanted, page and "." not in path))
    return out


TRIES = tries(create_app(Settings()))


@pytest.fixture(scope="module")
def district(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Database:
    rows = [row(i, lon=118.605 + (i % 2) * 0.04, lat=24.905) for i in range(12)]
    fill(module_database, tmp_path_factory.mktemp("files"), rows)
    return module_database


@pytest.fixture(scope="module")
def served(district: Database) -> Iterator[TestClient]:
    with TestClient(
        create_app(district.settings), headers={"accept-language": "en"}, follow_redirects=False
    ) as client:
        yield client


@pytest.fixture(scope="module")
def headers(district: Database) -> dict[str | None, dict[str, str]]:
    """Of each role a token; of a visitor none."""
    return {None: {}, **{role: token_headers(district, role) for role in ROLES}}


def test_the_table_and_the_routes_name_the_same_permissions() -> None:
    named = {one.access for one in TRIES} - {"public", "anyone"}
    assert named <= set(PERMISSIONS)
    assert {f"incident.{action}" for action in ACTIONS} <= set(PERMISSIONS)
    assert all(roles <= set(ROLES) and "admin" in roles for roles in PERMISSIONS.values())


def expected(one: Try, role: str | None, *, public: bool) -> int | None:
    """The refusal that the table wants; None where it lets through."""
    if one.access == "anyone" or (one.access == "public" and (public or role)):
        return None
    if role is None:
        return 303 if one.page else 401
    return None if one.access == "public" or role in PERMISSIONS[one.access] else 403


def refusal(answer: Any) -> int | None:
    assert answer.status_code < 500, answer.text
    return answer.status_code if answer.status_code in (401, 403, 303) else None


@pytest.mark.parametrize("role", [None, *ROLES])
def test_each_route_refuses_whom_the_table_refuses(
    served: TestClient, headers: dict[str | None, dict[str, str]], role: str | None
) -> None:
    wrong = []
    for one in TRIES:
        wanted = expected(one, role, public=True)
        if one.path in ENDLESS and wanted is None:
            continue
        if one.path.startswith("/api/session") and one.method == "POST":
            continue  # its refusals are of passwords: test_login.py
        if one.path.startswith("/api/positions/"):
            continue  # devices have tokens of their own: tests/interop/test_positions.py
        got = refusal(served.request(one.method, one.path, headers=headers[role]))
        acting = re.fullmatch(r"/api/incidents/\d+/verify", one.path)
        if acting and wanted is None and role not in PERMISSIONS["incident.verify"]:
            wanted = 403
        if got != wanted:
            wrong.append(f"{one.method} {one.path} ({one.access}): {got}, wanted {wanted}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_refuses_whom_the_table_refuses(
    served: TestClient, headers: dict[str | None, dict[str, str]], action: str
) -> None:
    for role in (None, *ROLES):
        answer = served.post(f"/api/incidents/{NOTHING}/{action}", headers=headers[role])
        allowed = role in PERMISSIONS[f"incident.{action}"]
        wanted = 404 if allowed else 403 if role else 401
        assert answer.status_code == wanted, (action, role, answer.text)


def test_a_closed_service_shows_visitors_the_way_in_only(
    district: Database, headers: dict[str | None, dict[str, str]]
) -> None:
    closed = district.settings.model_copy(update={"public": False})
    with TestClient(create_app(closed), follow_redirects=False) as client:
        for one in TRIES:
            if one.access != "public":
                continue
            answer = client.request(one.method, one.path)
            assert refusal(answer) == (303 if one.page else 401), one
            answer = client.request(one.method, one.path, headers=headers["viewer"])
            assert refusal(answer) is None, one
        assert client.get("/?lang=en").headers["location"] == "/login?next=%2F%3Flang%3Den"
        for path in ("/healthz", "/readyz", "/static/map.css", "/login"):
            assert client.get(path).status_code == 200, path
        x, y = tile_of(118.605, 24.905, 12)
        tile = client.get(f"/tiles/grid/12/{x}/{y}.mvt", headers=headers["viewer"])
        assert tile.headers["cache-control"] == "private, no-store"


def test_the_style_leaves_out_what_the_asker_may_not_see(
    served: TestClient, headers: dict[str | None, dict[str, str]]
) -> None:
    for role in (None, "viewer", "squad_leader"):
        answer = served.get("/styles/map.json", headers=headers[role])
        body = answer.json()
        drawn = {layer.get("source") for layer in body["layers"]} - {None}
        assert drawn == set(body["sources"])
        guarded = {layer.id for layer in REGISTRY if layer.permission}
        seen = {layer.id for layer in REGISTRY if role in PERMISSIONS.get(layer.permission, ())}
        assert (set(body["sources"]) & guarded) == seen
        assert answer.headers["cache-control"] == "private, no-store"


def test_no_one_gets_a_tile_out_of_anothers_scope(district: Database, served: TestClient) -> None:
    """Each scope's addresses, asked again as every other scope: the cache is nobody's way round."""
    scopes = {
        "everything": [], "west": ["street=S0"], "east": ["street=S1"],
        "east by community": ["community=S1C0"], "nowhere": ["street=NOPE"],
    }  # fmt: skip
    wanted = {"everything": 12, "west": 6, "east": 6, "east by community": 6, "nowhere": 0}
    asked = {
        name: token_headers(district, "street_office", name=f"so{n}", scopes=codes)
        for n, (name, codes) in enumerate(scopes.items())
    }
    x, y = tile_of(118.605, 24.905, 10)
    for _ in range(2):  # the second time from the cache
        for name, header in asked.items():
            answer = served.get(f"/tiles/incidents/10/{x}/{y}.mvt", headers=header)
            assert answer.headers["cache-control"] == "private, no-store"
            counts = [
                f["properties"].get("count", 1) for f in features(answer.content, "incidents")
            ]
            assert sum(counts) == wanted[name], name
