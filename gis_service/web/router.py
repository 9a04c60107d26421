"""The pages and their static files."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as PathParameter
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
from gis_service.web import field_app
from gis_service.web.modules import STATIC, page_modules

HERE = Path(__file__).parent
# Answers are checked with their ETag each time: modules name each other without a version.
REVALIDATE = {"Cache-Control": "no-cache"}
# pages say who is signed in
PERSONAL = {"Cache-Control": "private, no-cache"}

MAPLIBRE = "vendor/maplibre-gl/maplibre-gl.mjs"

router = APIRouter(include_in_schema=False)
static = StaticFiles(directory=STATIC, check_dir=False)


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
    if not (STATIC / MAPLIBRE).exists():
        raise ConfigurationError(
            "MapLibre GL is not in place; run scripts/vendor.sh",
            "MapLibre GL 尚未就位；请运行 scripts/vendor.sh",
        )
    language = locale_of(request)
    strings = page_strings(language)
    context: dict[str, Any] = {
        "lang": language,
        "t": lambda key: strings[key],
        "entry": entry,
        "modules": page_modules(entry),
        "title": settings.title if language == "zh" else settings.title_en,
        "account": account_facts(identity),
        "path": request.url.path,
        "may": identity.may if identity else lambda permission: False,
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


@dataclass(frozen=True)
class Page:
    """A page: where it is, who may open it (a permission; None: whatever is public), its template
    and its first script."""

    path: str
    permission: str | None
    template: str
    entry: str


PAGES = (
    Page("/", None, "map.html", "main.js"),
    Page("/public", None, "public.html", "public/main.js"),
    Page("/dispatch", "incident.read", "dispatch.html", "dispatch/main.js"),
    Page("/coverage", "coverage.read", "coverage.html", "coverage/main.js"),
    Page("/planning", "planning.read", "planning.html", "planning/main.js"),
    Page("/figures", "metrics.read", "figures.html", "figures/main.js"),
    Page("/ledger", "ledger.read", "ledger.html", "ledger/main.js"),
    Page("/progress", "progress.read", "progress.html", "progress/main.js"),
    Page("/campaigns", "campaign.read", "campaigns.html", "campaigns/main.js"),
    Page("/communities", "community.read", "communities.html", "communities/main.js"),
    Page("/frontages", "frontage.read", "frontages.html", "frontages/main.js"),
    Page("/communities/{code}", None, "community.html", "communities/profile.js"),
    Page("/activities", "community.read", "activities.html", "communities/calendar.js"),
    Page("/lists", "community.read", "lists.html", "communities/lists.js"),
    Page("/surveys", "community.read", "surveys.html", "communities/questionnaires.js"),
    Page("/survey/{code}", None, "survey.html", "communities/survey.js"),
    Page("/watches", "self", "watches.html", "watches/main.js"),
    Page("/exports", None, "exports.html", "exports/main.js"),
    Page("/duty", "roster.read", "duty.html", "duty/main.js"),
    Page("/tables", "contract.manage", "tables.html", "tables/main.js"),
    Page("/account", "self", "account.html", "own_account/main.js"),
    Page("/accounts", "account.manage", "accounts.html", "accounts/main.js"),
    Page("/field", "incident.report", "field.html", "field/main.js"),
)


def _serve(one: Page) -> None:
    async def show(
        request: Request, settings: SettingsDependency, identity: CurrentIdentity
    ) -> HTMLResponse:
        return page(one.template, request, settings, one.entry, identity)

    router.add_api_route(
        one.path, show, methods=["GET", "HEAD"], name=one.template,
        dependencies=[Depends(signed_in_page(one.permission))],
    )  # fmt: skip


for _one in PAGES:
    _serve(_one)


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
        oidc_label=_oidc_label(request, settings),
        problem=request.query_params.get("problem", ""),
    )  # fmt: skip


def _oidc_label(request: Request, settings: Settings) -> str:
    if settings.oidc_issuer is None:
        return ""
    return settings.oidc_label if locale_of(request) == "zh" else settings.oidc_label_en


@router.get("/field/worker.js", dependencies=[Depends(anyone())])
async def field_worker() -> Response:
    """The service worker that keeps the field page usable without a network."""
    headers = REVALIDATE | {"Service-Worker-Allowed": "/field"}
    return Response(field_app.worker(), media_type="text/javascript", headers=headers)


@router.get("/field/manifest.webmanifest", dependencies=[Depends(anyone())])
async def field_manifest(request: Request, settings: SettingsDependency) -> Response:
    """What a phone needs to install the field page."""
    language = locale_of(request)
    name = page_strings(language)["field.title"]
    title = settings.title if language == "zh" else settings.title_en
    body = json.dumps(field_app.manifest(name, title, language), ensure_ascii=False)
    return Response(body, media_type="application/manifest+json", headers=REVALIDATE)


@router.get("/field/icon-{size}.png", dependencies=[Depends(anyone())])
async def field_icon(size: Annotated[int, PathParameter()]) -> Response:
    """The icon of the installed field page."""
    if size not in field_app.ICONS:
        raise NotFound(f"no icon of {size} pixels", f"没有 {size} 像素的图标")
    return Response(field_app.icon(size), media_type="image/png", headers=REVALIDATE)


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
