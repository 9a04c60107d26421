"""The pages and their static files."""

from __future__ import annotations

import json
import posixpath
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader

from gis_service.accounts.dependencies import CurrentIdentity, anyone
from gis_service.accounts.dependencies import page as signed_in_page
from gis_service.accounts.identity import Identity
from gis_service.accounts.permissions import ROLE_NAMES
from gis_service.dependencies import LANGUAGES, SettingsDependency, locale_of
from gis_service.errors import ConfigurationError, NotFound
from gis_service.settings import DEMO_ACCOUNTS, Settings

HERE = Path(__file__).parent
# Answers are checked with their ETag each time: modules name each other without a version.
REVALIDATE = {"Cache-Control": "no-cache"}
# pages say who is signed in
PERSONAL = {"Cache-Control": "private, no-cache"}

MAPLIBRE = "vendor/maplibre-gl/maplibre-gl.mjs"

router = APIRouter(include_in_schema=False)
static = StaticFiles(directory=HERE / "static", check_dir=False)


@lru_cache
def page_strings(language: str) -> dict[str, str]:
    """Every string of the page in ``language`` (``zh`` or ``en``)."""
    strings: dict[str, str] = json.loads(
        (HERE / "strings" / f"{language}.json").read_text(encoding="utf-8")
    )
    return strings


@lru_cache
def templates() -> Environment:
    """The page templates; what they are given is escaped."""
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@lru_cache
def page_modules(entry: str = "main.js") -> list[str]:
    """The scripts that ``entry`` imports, itself included, as paths under ``static/js``: named in a
    page's head, they load side by side instead of one import after the other."""
    found: set[str] = set()
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        text = (HERE / "static" / "js" / name).read_text(encoding="utf-8")
        for target in re.findall(r'from "(\.[^"]+)"', text):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
            if not path.startswith(".."):  # what was vendored the templates name themselves
                waiting.append(path)
    return sorted(found)


def page(
    name: str,
    request: Request,
    settings: Settings,
    entry: str,
    identity: Identity | None = None,
    **facts: Any,
) -> HTMLResponse:
    """The page ``name`` in the reader's language, with who is signed in and ``facts``; everything
    else it fetches from the API."""
    if not (HERE / "static" / MAPLIBRE).exists():
        raise ConfigurationError(
            "MapLibre GL is not in place; run scripts/vendor.sh",
            "MapLibre GL 尚未就位；请运行 scripts/vendor.sh",
        )
    language = locale_of(request)
    strings = page_strings(language)
    context: dict[str, Any] = {
        "lang": language,
        "t": lambda key: strings[key],
        "modules": page_modules(entry),
        "title": settings.title if language == "zh" else settings.title_en,
        "account": account_facts(identity),
        **facts,
    }
    html = templates().get_template(name).render(context)
    return HTMLResponse(html, headers=PERSONAL | {"Vary": "Accept-Language, Cookie"})


def account_facts(identity: Identity | None) -> str:
    """Who is signed in, as JSON for the page; nothing for a visitor."""
    if identity is None:
        return ""
    zh, en = ROLE_NAMES[identity.role]
    facts = {
        "name": identity.name,
        "display_name": identity.display_name,
        "role": {"zh": zh, "en": en},
        "permissions": sorted(identity.permissions),
    }
    return json.dumps(facts, ensure_ascii=False)


@router.api_route("/", methods=["GET", "HEAD"], dependencies=[Depends(signed_in_page())])
async def map_page(
    request: Request, settings: SettingsDependency, identity: CurrentIdentity
) -> HTMLResponse:
    """The map page."""
    return page("map.html", request, settings, "main.js", identity)


@router.api_route("/login", methods=["GET", "HEAD"], dependencies=[Depends(anyone())])
async def login_page(
    request: Request, settings: SettingsDependency, identity: CurrentIdentity
) -> HTMLResponse:
    """The page to sign in at; where the demo is loaded it says which file holds its accounts."""
    demo = settings.data_dir / DEMO_ACCOUNTS
    return page(
        "login.html", request, settings, "login/main.js", identity,
        public=settings.public, demo=str(demo) if demo.exists() else "",
        display_name=identity.display_name if identity else "",
    )  # fmt: skip


@router.api_route(
    "/dispatch",
    methods=["GET", "HEAD"],
    dependencies=[Depends(signed_in_page("incident.read"))],
)
async def dispatch_page(request: Request, settings: SettingsDependency) -> HTMLResponse:
    """The dispatcher's console."""
    return page("dispatch.html", request, settings, "dispatch/main.js")


@router.api_route("/public", methods=["GET", "HEAD"], dependencies=[Depends(signed_in_page())])
async def public_page(request: Request, settings: SettingsDependency) -> HTMLResponse:
    """The residents' page."""
    return page("public.html", request, settings, "public/main.js")


@router.get("/static/strings/{language}.json", dependencies=[Depends(anyone())])
async def strings_file(language: str) -> FileResponse:
    """The page's strings, for a switch of language without a reload."""
    if language not in LANGUAGES:
        raise NotFound(f"No such language: {language}", f"没有这种语言：{language}")
    return FileResponse(HERE / "strings" / f"{language}.json", headers=REVALIDATE)


@router.api_route("/static/{path:path}", methods=["GET", "HEAD"], dependencies=[Depends(anyone())])
async def static_file(path: str, request: Request) -> Response:
    """A script, style sheet or icon of the page, or what was vendored from npm."""
    response = await static.get_response(posixpath.normpath(path), request.scope)
    response.headers.update(REVALIDATE)
    return response
