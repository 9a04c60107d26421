"""An incident as the API shows it."""

from __future__ import annotations

from typing import Any

from gis_service.incidents.models import STAGES

LEVELS = ("street", "community", "grid", "building")


def present(
    row: dict[str, Any], names: dict[int, dict[str, str]], locale: str = "zh"
) -> dict[str, Any]:
    """A row of ``incidents.queries`` with its areas by name and its placement per level."""
    basis = row["due_basis"] or {}
    out = {
        "id": row["id"],
        "code": row["code"],
        "state": row["state"],
        "class": {"code": row["class_code"], "name": row["class_name"]},
        "source": row["source"],
        "external_id": row["external_id"],
        **{level: names.get(row[f"{level}_id"]) for level in LEVELS},
        "lon": row["lon"],
        "lat": row["lat"],
        "reported": {"lon": row["reported_lon"], "lat": row["reported_lat"], "crs": row["crs"],
                     "accuracy_m": row["accuracy_m"]},
        "placement": _placement(row),
        "filed_path": row["filed_path"],
        "reported_at": row["reported_at"],
        "due_at": row["due_at"],
        "due_explained": basis.get("words", {}).get(locale),
        "due_provisional": basis.get("provisional", False),
        "their_due_at": row["their_due_at"],
        "closed_at": row["closed_at"],
        **{stage: row[stage] for stage in STAGES},
        "updated_at": row["updated_at"],
        "version": row["version"],
        "unit": _named(row, "unit"),
        "squad": _named(row, "squad"),
        "condition": (
            {"number": row["condition_number"], "name": row["condition_name"]}
            if row["condition_number"] is not None else None
        ),
        **{flag: row[flag] for flag in ("is_order", "urgent", "supervised", "quick")},
        "report_count": row["report_count"],
        "rework_count": row["rework_count"],
        "merged_into": row["merged_into"],
        "case_number": row["case_number"],
        "address": row["address"],
        "description": row["description"],
    }  # fmt: skip
    return out


def _named(row: dict[str, Any], what: str) -> dict[str, str] | None:
    code = row[f"{what}_code"]
    return {"code": code, "name": row[f"{what}_name"]} if code else None


def _placement(row: dict[str, Any]) -> dict[str, Any]:
    answered = [level for level in LEVELS if row[f"{level}_id"] is not None]
    finest = answered[-1] if answered else None
    levels: dict[str, dict[str, Any]] = {}
    for level in LEVELS:
        if level not in answered:
            levels[level] = {"method": "none", "distance_m": None}
        elif level == finest and row["placement_distance_m"]:
            # only the finest level may be answered by what is nearest
            levels[level] = {"method": "nearest", "distance_m": row["placement_distance_m"]}
        else:
            levels[level] = {"method": "inside", "distance_m": 0.0}
    return {
        "method": row["placement_method"],
        "distance_m": row["placement_distance_m"],
        "levels": levels,
        "candidates": row["candidates"] or [],
        "revision": row["revision_id"],
    }
