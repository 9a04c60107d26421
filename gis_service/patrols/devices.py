"""Devices: whose phone it is, and the token by which it shows that."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

import segno
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from gis_service.accounts.identities import secret_hash as token_hash
from gis_service.accounts.identity import Identity
from gis_service.errors import Forbidden, InvalidInput, NotFound
from gis_service.events.feed import publish
from gis_service.patrols.models import Device
from gis_service.reference.models import Squad
from gis_service.responsibility.models import Officer

TOPIC = "devices"
KINDS = ("owntracks", "osmand")
UPLOAD = "upload"


def find_officer(session: Session, name: str | int) -> Officer:
    """The officer of a code, else of a number. Raises NotFound."""
    found: Officer | None = session.scalar(select(Officer).where(Officer.code == str(name)))
    if found is None and str(name).isascii() and str(name).isdecimal() and len(str(name)) < 10:
        found = session.get(Officer, int(name))
    if found is None:
        raise NotFound(f"no officer {name!r}", f"没有队员 {name!r}", where="officer")
    return found


def own_officer(session: Session, identity: Identity) -> Officer | None:
    """The officer an account belongs to."""
    found: Officer | None = session.scalar(
        select(Officer).where(Officer.account_id == identity.account_id)
    )
    return found


def officer_for(session: Session, identity: Identity, name: str | None) -> Officer:
    """The officer an account may act for: itself, or for a squad leader one of the squads in its
    scope, for those without a scope any. Raises NotFound, InvalidInput or Forbidden."""
    own = own_officer(session, identity)
    if name is None:
        if own is None:
            raise InvalidInput(
                "say whose it is: officer=CODE", "请说明属于哪位队员：officer=代码", where="officer"
            )
        return own
    officer = find_officer(session, name)
    if own is not None and own.id == officer.id:
        return officer
    squads = identity.codes("squad")
    squad = session.scalar(select(Squad.code).where(Squad.id == officer.squad_id))
    if identity.role == "officer" or (identity.scopes and squad not in squads):
        raise Forbidden(
            f"the account may not act for officer {officer.code}",
            f"当前账号无权代队员 {officer.code} 操作",
        )
    return officer


def add_device(
    session: Session, officer: Officer, kind: str, label: str, *, keep_off_duty: bool = False
) -> tuple[Device, str]:
    """A phone with its token, which is shown this once. Raises InvalidInput."""
    if kind not in KINDS:
        raise InvalidInput(
            f"{kind!r} is none of {', '.join(KINDS)}", f"{kind!r} 不是 {'、'.join(KINDS)}",
            where="kind",
        )  # fmt: skip
    if not 0 < len(label.strip()) <= 100:
        raise InvalidInput("a label of 1 to 100 characters", "名称须为 1 至 100 字", where="label")
    token = secrets.token_urlsafe(24)
    device = Device(
        officer_id=officer.id, label=label.strip(), kind=kind, token_hash=token_hash(token),
        keep_off_duty=keep_off_duty,
    )  # fmt: skip
    session.add(device)
    session.flush()
    return device, token


def phone_settings(kind: str, service: str, officer: str, token: str) -> dict[str, str]:
    """What a phone of ``kind`` has to know to send to ``service``: the ``address`` to type, a
    ``link`` that sets the app up, and that as a ``picture`` (QR code, ``data:`` address).

    OwnTracks opens links of its own (owntracks.org/booklet/features/remoteconfig, URL config);
    Traccar Client takes the address with the identifier in it."""
    address = f"{service}/api/positions/{kind}"
    if kind == "owntracks":
        told = {
            "_type": "configuration", "mode": 3, "url": address, "auth": True,
            "username": officer, "password": token,
        }  # fmt: skip
        packed = base64.b64encode(json.dumps(told).encode()).decode()
        link = f"owntracks:///config?inline={packed}"
    else:
        link = f"{address}?id={token}"
    picture = segno.make(link, error="m", micro=False).svg_data_uri(scale=4, border=4, light="#fff")
    return {"address": address, "link": link, "picture": picture}


def upload_device(session: Session, officer: Officer, label: str) -> Device:
    """The source of files of an officer with that label; made where there is none."""
    session.execute(text("SELECT pg_advisory_xact_lock(4711011, :id)"), {"id": officer.id})
    found: Device | None = session.scalar(
        select(Device).where(
            Device.officer_id == officer.id, Device.kind == UPLOAD, Device.label == label
        )
    )
    if found is None:
        found = Device(officer_id=officer.id, label=label, kind=UPLOAD, token_hash=None)
        session.add(found)
        session.flush()
    return found


def switch_off(session: Session, device_id: int) -> Device:
    """The device's token is worth nothing from now on. Raises NotFound."""
    device = session.get(Device, device_id)
    if device is None:
        raise NotFound(f"no device {device_id}", f"没有设备 {device_id}")
    device.active = False
    session.flush()
    publish(session, TOPIC, device=device_id)
    return device


def device_row(device: Device, officer_code: str) -> dict[str, Any]:
    """A device as it is listed."""
    return {
        "id": device.id, "officer": officer_code, "label": device.label, "kind": device.kind,
        "active": device.active, "keep_off_duty": device.keep_off_duty,
    }  # fmt: skip
