"""What the product imports comes with it: the tests' environment has more than a newcomer's."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

from packaging.requirements import Requirement

from tests.conftest import ROOT


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_with(names: list[str]) -> set[str]:
    """The distributions that come with requirements, extras and markers followed."""
    found: set[tuple[str, str]] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        one = waiting.pop()
        for extra in ("", *one.extras):
            key = (canonical(one.name), extra)
            if key in found:
                continue
            found.add(key)
            try:
                parts = requires(one.name) or []
            except PackageNotFoundError:
                continue
            for part in map(Requirement, parts):
                if part.marker is None or part.marker.evaluate({"extra": extra}):
                    waiting.append(part)
    return {name for name, _ in found}


def imported() -> set[str]:
    """The top-level modules that the package imports, its own and the library's left out."""
    found = set()
    for path in (ROOT / "gis_service").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found - {"gis_service", *sys.stdlib_module_names}


def test_the_product_needs_nothing_that_only_the_tests_install() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # what an extra adds for its users is asked for where it is used, and told where it lacks
    there = installed_with(project["dependencies"] + project["optional-dependencies"]["dask"])
    owners = packages_distributions()
    missing = {
        module for module in imported()
        if not {canonical(name) for name in owners.get(module, [])} & there
    }  # fmt: skip
    assert missing == set()
    # SQLAlchemy's asyncio imports it by itself
    assert "greenlet" in there
