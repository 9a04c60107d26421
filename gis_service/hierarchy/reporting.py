"""Show an import's findings to a person at a terminal."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table

from gis_service.hierarchy.importing import Import

SHOWN = 5  # of each kind of problem; --report holds all


def print_report(prepared: Import, console: Console) -> None:
    """What was read, what is wrong, and what would change."""
    table = Table("level", "read", "new", "changed", "closed", "unchanged")
    for level, frame in prepared.reading.levels.items():
        change = prepared.changes.get(level)
        numbers = (
            (change.added, change.changed, change.vanished, change.unchanged)
            if change
            else ("–", "–", "–", "–")
        )
        table.add_row(level, f"{len(frame):,}", *(str(n) for n in numbers))
    console.print(f"{prepared.reading.source} ({prepared.reading.crs})", highlight=False)
    console.print(table)
    counts = Counter((p.severity, p.level, p.kind) for p in prepared.report.problems)
    for (severity, level, kind), count in sorted(counts.items()):
        colour = "red" if severity == "error" else "yellow"
        console.print(f"[{colour}]{severity}[/{colour}] {level} {kind}: {count}")
        worst = sorted(
            (p for p in prepared.report.problems if (p.level, p.kind) == (level, kind)),
            key=lambda p: -p.measure,
        )
        for problem in worst[:SHOWN]:
            row = f" (row {problem.row})" if problem.row else ""
            console.print(f"    {problem.code}{row} {problem.text('en')}", highlight=False)
