"""XML and JSON as GeoReport v2 wants them: a list of one kind of thing, JSON without its frame."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import orjson

FORMATS = {"xml": "text/xml; charset=utf-8", "json": "application/json; charset=utf-8"}
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Item = dict[str, Any]


def rendered(kind: str, frame: str, element: str, items: list[Item]) -> bytes:
    """``items`` as ``<frame><element>…</element></frame>`` or as a JSON array.

    Values are text, numbers, booleans, None (JSON null, an empty element), or lists, each item of
    which is an element of its own named by :data:`_INNER`.
    """
    if kind == "json":
        return orjson.dumps(items)
    root = ET.Element(frame)
    for item in items:
        _fill(ET.SubElement(root, element), item)
    return _written(root)


def rendered_one(kind: str, frame: str, item: Item) -> bytes:
    """One thing that stands in no list."""
    if kind == "json":
        return orjson.dumps(item)
    root = ET.Element(frame)
    _fill(root, item)
    return _written(root)


def moment(value: datetime | None, zone: ZoneInfo) -> str | None:
    """ISO 8601 to the second with the offset of the district."""
    return value.astimezone(zone).isoformat(timespec="seconds") if value else None


_INNER = {
    "attributes": "attribute", "values": "value", "endpoints": "endpoint", "formats": "format",
}  # fmt: skip


def _fill(parent: ET.Element, item: Item) -> None:
    for name, value in item.items():
        child = ET.SubElement(parent, name)
        if isinstance(value, list):
            for one in value:
                inner = ET.SubElement(child, _INNER[name])
                if isinstance(one, dict):
                    _fill(inner, one)
                else:
                    inner.text = _text(one)
        else:
            child.text = _text(value)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return _NO_XML.sub("", str(value))


def _written(root: ET.Element) -> bytes:
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body
