"""Settings, read from the environment (prefix ``GIS_``) once per process."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

# written below data_dir by the demo; only the demo has accounts whose passwords lie in a file
DEMO_ACCOUNTS = "demo-accounts.json"


class Settings(BaseSettings):
    """Every setting of the service. ``docs/settings.md`` describes each; a test compares them."""

    model_config = SettingsConfigDict(env_prefix="GIS_", extra="ignore")

    # where things are
    database_url: str | None = Field(
        None, description="libpq address of the district's database; unset: a private cluster"
    )
    data_dir: Path = Field(Path(".data"), description="private cluster, caches, demo accounts")
    backup_dir: Path | None = Field(
        None, description="where backup writes when no FILE is named; check looks at their age"
    )
    backup_keep: int = Field(14, ge=1, description="so many of them stay, older ones are deleted")
    host: str = Field("127.0.0.1", description="address to serve on")
    port: int = Field(8000, ge=1, le=65535, description="port to serve on")
    tls_certificate: Path | None = Field(
        None, description="certificate chain (PEM) to serve HTTPS with; phones need it"
    )
    tls_key: Path | None = Field(None, description="its private key (PEM)")
    layers_dir: Path = Field(
        Path(__file__).parent.parent / "layers", description="folder of layer folders"
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="text: what goes wrong, in words; json: one object a request, too"
    )
    database_pool: int = Field(8, ge=2, description="pooled connections per worker")

    # the district
    timezone: str = Field("Asia/Shanghai", description="time zone of half-open day ranges")
    metric_crs: str | None = Field(
        None, description="projected CRS for metres (EPSG:n); unset: guessed from the data"
    )
    code_rule: str = Field(
        "free", description="free, gb (9/12/14-15 digits and free building codes) or a regex"
    )
    grid_kind: str = Field("community", description="the grid kind that placements use")
    nearest_building_m: float = Field(30.0, ge=0, description="reach of 'nearest building', m")
    repair_limit: float = Field(
        0.05, ge=0, le=1, description="largest share of its area a repaired polygon may lose"
    )
    confirm_share: float = Field(
        0.05, ge=0, le=1, description="share of a level that may close without --confirm"
    )
    minimum_count: int = Field(
        5, ge=1, description="incidents below which a choropleth claims nothing"
    )
    earliest_report: str = Field("2000-01-01", description="older reports are rejected")

    # limits
    upload_bytes: int = Field(512 * 2**20, ge=1, description="largest file accepted")
    load_batch: int = Field(50_000, ge=100, description="incidents committed at a time")
    tile_cache_bytes: int = Field(128 * 2**20, ge=0, description="in-process tile cache")
    pool_wait_s: float = Field(
        5.0, gt=0, description="longest wait of a request for a database connection, then 503"
    )
    client_timeout_s: float = Field(
        30.0, gt=0, description="a client that sends or takes nothing for so long is let go"
    )
    statement_timeout_s: int = Field(30, ge=1, description="longest query of a request")
    export_timeout_s: int = Field(600, ge=1, description="longest an export may take, s")

    # accounts
    public: bool = Field(
        True, description="area and aggregated layers, areas and locate need no account"
    )
    session_idle_minutes: int = Field(30, ge=1, description="a session ends after this idleness")
    session_hours: int = Field(12, ge=1, description="a session ends after this in any case")
    password_min_length: int = Field(10, ge=8, description="shortest password accepted")
    password_kinds: int = Field(
        3, ge=1, le=4, description="of lower case, upper case, digits, others: kinds it needs"
    )
    lockout_failures: int = Field(5, ge=1, description="failed logins that lock an account")
    lockout_minutes: int = Field(15, ge=1, description="how long it stays locked")
    logins_per_minute: int = Field(
        30, ge=1, description="attempts to sign in from one address, per minute"
    )
    secure_cookies: bool | None = Field(
        None, description="cookies over HTTPS only; unset: wherever the request came over HTTPS"
    )
    oidc_issuer: str | None = Field(
        None, description="address of an OpenID provider to sign in with; unset: passwords only"
    )
    oidc_client_id: str = Field("", description="what the provider knows this service by")
    oidc_client_secret_file: Path | None = Field(
        None, description="file with the client's secret; unset: a public client (PKCE alone)"
    )
    oidc_scopes: list[str] = Field(["profile"], description="asked for besides openid")
    oidc_claim: str = Field(
        "preferred_username", description="claim with the account's name; nobody may set their own"
    )
    oidc_role_claim: str = Field(
        "groups", description="claim that the roles of new accounts follow"
    )
    oidc_roles: dict[str, str] = Field(
        {}, description="its values → role level=code …: who has one gets an account; none: nobody"
    )
    oidc_prompt: Literal["", "login", "select_account"] = Field(
        "", description="login: the provider asks for the password each time (shared computers)"
    )
    oidc_logout: bool = Field(
        False, description="signing out leads to the provider, to sign out there as well"
    )
    oidc_label: str = Field("统一身份认证登录", description="the button on the login page")
    oidc_label_en: str = Field("Single sign-on", description="its English words")
    audit_days: int = Field(184, ge=184, description="how long the audit log is kept at least")
    personal_key_file: Path | None = Field(
        None,
        description="keys of personal data; unset: keys/personal.key in the data folder",
    )

    # incidents
    workday_mode: Literal["hours8", "end_of_day"] = Field(
        "hours8", description="a working day is 8 working hours, or ends with the n-th working day"
    )
    quick_check_share: float = Field(
        0.1, ge=0, le=1, description="share of quick fixes that someone else checks on site"
    )
    resolve_needs_photo: bool = Field(False, description="no 'resolve' without a photo")
    file_unverified: list[str] = Field(
        ["patrol", "superior", "city_platform"], description="sources filed without a verification"
    )
    component_m: float = Field(
        15.0, ge=0, description="reach in which a component of the class is the one concerned, m"
    )
    duplicate_m: float = Field(50.0, gt=0, description="reach of duplicate candidates, m")
    duplicate_hours: float = Field(24.0, gt=0, description="how far back they reach, hours")
    personal_days: int = Field(
        365, ge=1, description="reporters' names and phones are deleted after"
    )
    report_in_minutes: int = Field(120, ge=1, description="time to report in after a whistle")
    photo_bytes: int = Field(20 * 2**20, ge=1, description="largest photo accepted")
    photo_pixels: int = Field(36_000_000, ge=1, description="most pixels of a photo")
    public_reports_per_hour: int = Field(20, ge=1, description="public reports from one address")
    public_lookups_per_minute: int = Field(
        60, ge=1, description="looks at a public report by its code, from one address"
    )
    public_photos: int = Field(3, ge=0, le=9, description="photos that a public report may have")
    webhook_hosts: list[str] = Field(
        [], description="hosts (HTTPS) or scheme://host:port that watches may send to; none"
    )
    georeport_key: bool = Field(
        True, description="Open311 requests need an api_key; off: as public reports, anonymous"
    )
    georeport_jurisdiction: str = Field("", description="jurisdiction_id of Open311, if it has one")

    # patrols
    fix_accuracy_m: float = Field(100.0, gt=0, description="fixes less exact make no visits, m")
    track_break_minutes: float = Field(5.0, gt=0, description="a longer silence ends a run")
    duty_hours: str = Field(
        "06:00-22:00", description="daily duty hours besides rostered shifts; empty: shifts only"
    )
    fix_days: int = Field(184, ge=31, description="months of fixes older than this are dropped")
    track_bytes: int = Field(256 * 2**20, ge=1, description="largest GPX or GeoJSON file")

    # communities
    community_words: Path | None = Field(
        None, description="word lists (CSV) of communities: kinds of activities, duties; unset: own"
    )
    survey_minimum: int = Field(
        10, ge=1, description="fewer answers from a community are counted, but claim nothing"
    )
    walking_m: float = Field(
        500.0, gt=0, le=5000, description="walking distance to a station, straight line, m"
    )
    frontage_days: int = Field(
        30, ge=1, le=366, description="a frontage contract is inspected every so many days"
    )
    public_url: str | None = Field(
        None, description="where residents reach the service, for QR codes; unset: as it was asked"
    )
    public_answers_per_hour: int = Field(
        30, ge=1, description="answers to surveys and sign-ups from one address"
    )

    # campaigns
    spillover_m: float = Field(
        50.0, ge=0, description="grids so near to a campaign are not compared with it, m"
    )

    ledger_template: Path | None = Field(
        None, description="the bureau's form of the ledger (XLSX); unset: the project's"
    )

    # what the map shows
    title: str = Field("网格巡查与案件地图", description="title of the map page")
    title_en: str = Field("Grid patrol and incident map", description="its English title")
    map_approval_number: str | None = Field(None, description="审图号, shown in the footer")
    basemap_url: str | None = Field(
        None, description="external raster tiles {z}/{x}/{y}; off by default"
    )
    basemap_attribution: str = Field("", description="credit line of the external tiles")

    # tests
    browser: Path = Field(Path("/usr/bin/chromium"), description="browser of the browser tests")


@lru_cache
def get_settings() -> Settings:
    """The process's settings."""
    return Settings()
