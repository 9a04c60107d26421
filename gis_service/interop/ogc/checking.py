"""What is wrong with a request, said before the library answers 500 or takes no notice."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from ciso8601 import parse_rfc3339
from cql2 import Expr
from fastapi import Query, Request
from fastapi.routing import APIRoute
from shapely.geometry import box, mapping
from tipg.collections import Collection

from gis_service.dependencies import check_parameters, parameters_of
from gis_service.errors import InvalidInput

# CQL2's own operators and functions and no other: any other name would be a function of PostgreSQL
OPERATORS = frozenset(
    "and or not = <> < > <= >= like between in isnull casei accenti + - * / % div ^ "
    "s_intersects s_equals s_disjoint s_touches s_within s_overlaps s_crosses s_contains "
    "t_after t_before t_contains t_disjoint t_during t_equals t_finishedby t_finishes "
    "t_intersects t_meets t_metby t_overlappedby t_overlaps t_startedby t_starts".split()
)
FORMATS = ("json", "geojson", "geojsonseq", "ndjson", "schemajson", "pbf", "mvt")
DEPTH = 40


async def check_request(request: Request) -> None:
    """Raise InvalidInput for an unknown parameter, format, box, time or filter."""
    given = request.query_params
    route = request.scope.get("route")
    collection: Collection | None = None
    if "collectionId" in request.path_params:
        collection = request.app.state.ogc.collections.get(request.path_params["collectionId"])
    names = {column.name for column in collection.properties} if collection else set()
    if isinstance(route, APIRoute):
        check_parameters(request, parameters_of(route) | names)
    if given.get("f", FORMATS[0]) not in FORMATS:
        raise InvalidInput(
            f"no format {given['f']!r} here; there are {', '.join(FORMATS)}",
            f"不支持格式 {given['f']!r}；可用：{'、'.join(FORMATS)}",
            where="f",
        )
    if "bbox" in given:
        _check_box(given["bbox"])
    for part in given.get("datetime", "..").split("/"):
        _check_moment(part)


async def asked_filter(
    request: Request,
    query: Annotated[str | None, Query(alias="filter", description="CQL2, WGS84")] = None,
    language: Annotated[
        Literal["cql2-text", "cql2-json"] | None, Query(alias="filter-lang")
    ] = None,
) -> Expr | None:
    """In the place of tipg's dependency: the filter, if it is one that may be asked."""
    if query is None:
        return None
    collection: Collection = request.app.state.ogc.collections[request.path_params["collectionId"]]
    return read_filter(query, {column.name for column in collection.properties})


def read_filter(words: str, names: set[str]) -> Expr:
    """``words`` as an expression with every geometry in WGS84. Raises InvalidInput for what is no
    CQL2, names a property outside ``names``, or uses a function that CQL2 does not define."""
    try:
        tree = Expr(words).to_json()
        return Expr(_checked(tree, names, 0))
    except InvalidInput:
        raise
    except Exception as problem:  # the parser has errors of several kinds
        raise InvalidInput(
            f"no CQL2 filter: {problem}", f"不是有效的 CQL2 条件：{problem}", where="filter"
        ) from None


def _checked(node: Any, names: set[str], depth: int) -> Any:
    if depth > DEPTH:
        raise InvalidInput("nested too deeply", "嵌套过深", where="filter")
    if isinstance(node, list):
        return [_checked(one, names, depth + 1) for one in node]
    if isinstance(node, dict):
        if len(node.get("bbox", ())) == 4 and "type" not in node:
            # written as text it would have no coordinate system
            return mapping(box(*node["bbox"]))
        if "property" in node and node["property"] not in names:
            known = ", ".join(sorted(names))
            raise InvalidInput(
                f"no property {node['property']!r}; there are {known}",
                f"没有属性 {node['property']!r}；可用：{known}",
                where="filter",
            )
        if "op" in node and str(node["op"]).lower() not in OPERATORS:
            raise InvalidInput(
                f"no operator or function {node['op']!r} in CQL2",
                f"CQL2 中没有运算符或函数 {node['op']!r}",
                where="filter",
            )
        return {key: _checked(one, names, depth + 1) for key, one in node.items()}
    return node


def _check_box(value: str) -> None:
    try:
        numbers = [float(part) for part in value.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 6) or not all(map(math.isfinite, numbers)):
        raise InvalidInput(
            f"{value!r} is no box of four or six numbers in WGS84 degrees",
            f"{value!r} 不是四个或六个数的范围（WGS84 经纬度）",
            where="bbox",
        )


def _check_moment(value: str) -> None:
    if value in ("", ".."):
        return
    try:
        parse_rfc3339(value)
    except ValueError:
        raise InvalidInput(
            f"{value!r} is no RFC 3339 time, such as 2026-11-01T00:00:00+08:00",
            f"{value!r} 不是 RFC 3339 时间，如 2026-11-01T00:00:00+08:00",
            where="datetime",
        ) from None
