"""What is sent to whom: templates of 企业微信 and 钉钉 robots and plain JSON, each signed.

Nothing personal and no free text leaves by a webhook: number, class, place by area, state.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import re
import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, urlsplit

import orjson

from gis_service.errors import InvalidInput
from gis_service.incidents.watches.service import check_address
from gis_service.settings import Settings

TIMEOUT_S = 10.0
LISTED = 10  # notices that a message names; the others are counted
_ANSWER_BYTES = 10_000
_MARKUP = re.compile(r"[\\`*_{}\[\]()<>#|~@!\r\n]")
WORDS = {
    "zh": {"new": "新案件", "changed": "案件变动", "more": "另有 {n} 条", "head": "关注“{name}”",
           "trial": "这是一条测试消息，推送设置可用。"},
    "en": {"new": "new", "changed": "changed", "more": "and {n} more", "head": "Watch “{name}”",
           "trial": "This is a test message: notices arrive here."},
}  # fmt: skip


class Undelivered(Exception):
    """Did not arrive; ``final``: it will not the next time either."""

    def __init__(self, words: str, *, final: bool = False) -> None:
        super().__init__(words)
        self.final = final


@dataclass(frozen=True)
class Message:
    """An address with its body and headers, ready to send."""

    url: str
    body: bytes
    headers: dict[str, str]


def compose(
    kind: str, url: str, secret: str | None, watch: dict[str, Any], notices: list[dict[str, Any]],
    now: datetime,
) -> Message:  # fmt: skip
    """One message of all ``notices`` (``kind, code, class, class_en, place, state, at``); without
    any it says that it is a test."""
    if kind == "plain":
        document: dict[str, Any] = {
            "watch": {"id": watch["id"], "name": watch["name"]},
            "notices": [
                {name: one[name] for name in ("id", "kind", "action", "state", "at", "code",
                                              "class_code", "place")}
                for one in notices
            ],
            **({} if notices else {"test": True}),
        }  # fmt: skip
    else:
        title, words = _markdown(watch, notices)
        document = {"msgtype": "markdown"}
        if kind == "wecom":
            document["markdown"] = {"content": words}
        else:
            document["markdown"] = {"title": title, "text": words}
    body = orjson.dumps(document)
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "gis-service"}
    if secret and kind == "dingtalk":
        stamp = str(int(now.timestamp() * 1000))
        signed = _digest(secret, f"{stamp}\n{secret}".encode())
        sign = quote_plus(base64.b64encode(signed))
        url += f"{'&' if urlsplit(url).query else '?'}timestamp={stamp}&sign={sign}"
    elif secret:
        stamp = str(int(now.timestamp()))
        headers["X-Timestamp"] = stamp
        headers["X-Signature"] = f"sha256={_digest(secret, stamp.encode() + b'.' + body).hex()}"
    return Message(url, body, headers)


def send(message: Message, settings: Settings) -> None:
    """Post it; raises Undelivered. The address is checked again: the setting may have changed.
    Redirects are not followed, they would lead elsewhere."""
    try:
        check_address(message.url, settings)
    except InvalidInput as problem:
        raise Undelivered(problem.message, final=True) from None
    parts = urlsplit(message.url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            parts.netloc, timeout=TIMEOUT_S, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, message.body, message.headers)
        answer = connection.getresponse()
        said = answer.read(_ANSWER_BYTES)
    except (OSError, http.client.HTTPException) as problem:
        raise Undelivered(f"{type(problem).__name__}: {problem}") from None
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        # what was sent is refused as it is, unless there was too much of it or too early
        final = 400 <= answer.status < 500 and answer.status not in (408, 409, 425, 429)
        raise Undelivered(f"HTTP {answer.status}", final=final)
    _check_robot(said)


def _check_robot(said: bytes) -> None:
    """Robots answer 200 whatever they think; ``errcode`` says it."""
    try:
        answer = orjson.loads(said)
    except orjson.JSONDecodeError:
        return
    if isinstance(answer, dict) and answer.get("errcode", 0) != 0:
        raise Undelivered(f"errcode {answer['errcode']}: {str(answer.get('errmsg'))[:200]}")


def _markdown(watch: dict[str, Any], notices: list[dict[str, Any]]) -> tuple[str, str]:
    language = watch["language"]
    words = WORDS[language]
    title = words["head"].format(name=_plain(watch["name"]))
    lines = [f"**{title}**"]
    if not notices:
        lines.append(words["trial"])
    for one in notices[:LISTED]:
        name = one["class"] if language == "zh" else one["class_en"]
        place = f" · {_plain(one['place'])}" if one["place"] else ""
        state = one["state_words"][0 if language == "zh" else 1]
        lines.append(f"> {words[one['kind']]} {one['code']} {_plain(name)}{place} · {state}")
    if len(notices) > LISTED:
        lines.append(words["more"].format(n=len(notices) - LISTED))
    return title, "\n\n".join(lines)


def _plain(value: str) -> str:
    return _MARKUP.sub(" ", value)


def _digest(secret: str, body: bytes) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()
