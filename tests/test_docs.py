"""Every setting, command and layer is described, and every described one exists."""

from __future__ import annotations

import re

import typer

from gis_service.cli import app
from gis_service.maps.registry import read_registry
from gis_service.settings import Settings
from tests.conftest import ROOT

DOCS = ROOT / "docs"


def test_settings_are_described() -> None:
    described = set(re.findall(r"`(GIS_[A-Z0-9_]+)`", (DOCS / "settings.md").read_text()))
    assert described == {f"GIS_{name.upper()}" for name in Settings.model_fields}


def commands(group: typer.Typer, prefix: str = "") -> set[str]:
    found = {
        f"{prefix}{command.name or command.callback.__name__}"  # type: ignore[union-attr]
        for command in group.registered_commands
    }
    for part in group.registered_groups:
        assert part.typer_instance is not None
        found |= commands(part.typer_instance, f"{prefix}{part.name} ")
    return found


def test_commands_are_described() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", (DOCS / "commands.md").read_text(), re.MULTILINE)
    described = {re.sub(r"\s*[\[A-Z].*", "", row) for row in rows}
    assert described == commands(app)


def test_layers_are_described_with_their_fields() -> None:
    text = (DOCS / "layers.md").read_text()
    registry = read_registry(ROOT / "layers")
    assert set(re.findall(r"^## `(\w+)`", text, re.MULTILINE)) == set(registry.layers)
    for layer in registry:
        section = text.split(f"## `{layer.id}`")[1].split("\n## ")[0]
        for field in layer.fields:
            assert f"| `{field}` |" in section, f"{layer.id}: {field}"


def test_links_between_documents_lead_somewhere() -> None:
    for path in [ROOT / "README.md", ROOT / "README.zh.md", *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} -> {target}"


def test_the_pages_name_no_content_network() -> None:
    for path in [*(ROOT / "gis_service").rglob("*"), *(ROOT / "layers").rglob("*")]:
        if path.suffix in {".html", ".js", ".css", ".json", ".toml"} and "vendor" not in path.parts:
            words = path.read_text(encoding="utf-8")
            assert not re.search(r"https?://(?!www\.w3\.org|127\.0\.0\.1)[\w.-]+\.\w+/", words), (
                path
            )
