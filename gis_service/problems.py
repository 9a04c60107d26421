"""From errors to answers: one table of statuses, RFC 9457 problems in the user's language."""

from __future__ import annotations

import errno
import logging
import math
from typing import Any

import orjson
import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolTimeout
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException

from gis_service import errors
from gis_service.dependencies import locale_of

log = logging.getLogger(__name__)

DISK_FULL = "53100"  # PostgreSQL's code
RETRY_S = 5  # when to come back to a service that is not ready

STATUSES: dict[type[errors.DomainError], tuple[int, str, str]] = {
    errors.InvalidInput: (400, "请求无效", "invalid request"),
    errors.NotSignedIn: (401, "需要登录", "sign in first"),
    errors.Forbidden: (403, "无权限", "not allowed"),
    errors.NotFound: (404, "未找到", "not found"),
    errors.Conflict: (409, "冲突", "conflict"),
    errors.TooLarge: (413, "内容过大", "too large"),
    errors.TooMany: (429, "过于频繁", "too many requests"),
    errors.NotDelivered: (502, "未送达", "not delivered"),
    errors.StorageFull: (507, "存储空间已满", "no room left"),
    errors.NotReady: (503, "尚未就绪", "not ready"),
    errors.ConfigurationError: (500, "配置错误", "configuration error"),
}
TITLES = {404: ("未找到", "not found"), 405: ("方法不允许", "method not allowed")}


def _problem(
    status: int, title: str, detail: str, where: str | None = None, changes: Any = None
) -> Response:
    """RFC 9457; ``changes`` are the log rows that the sender of a stale edit has not seen."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if where:
        body["where"] = where
    if changes is not None:
        body["changes"] = changes
    return Response(orjson.dumps(body), status_code=status, media_type="application/problem+json")


async def _domain_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, errors.DomainError)  # noqa: S101 - registered for these only
    status, zh, en = STATUSES[type(problem)]
    locale = locale_of(request)
    response = _problem(
        status, zh if locale == "zh" else en, problem.text(locale), problem.where,
        problem.data.get("changes"),
    )  # fmt: skip
    if isinstance(problem, errors.NotSignedIn):
        response.headers["WWW-Authenticate"] = "Bearer"
    after = problem.data.get("retry_after_s", RETRY_S if status == 503 else None)
    if after is not None:
        response.headers["Retry-After"] = str(math.ceil(after))
    return response


async def _validation_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)  # noqa: S101 - registered for these only
    first = problem.errors()[0]
    where = str(first["loc"][-1]) if first["loc"] else None
    locale = locale_of(request)
    if first["type"] == "extra_forbidden":
        words = "unknown parameter or field" if locale == "en" else "未知参数或字段"
        return _problem(400, "请求无效" if locale == "zh" else "invalid request",
                        f"{where}: {words}", where)  # fmt: skip
    words = f"{where}: {first['msg']}"
    return _problem(400, "请求无效" if locale == "zh" else "invalid request", words, where)


async def _http_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)  # noqa: S101 - registered for these only
    if isinstance(problem.__cause__, OSError):  # where the parts of an upload are put down
        return await _system_problem(request, problem.__cause__)
    zh, en = TITLES.get(problem.status_code, (str(problem.detail), str(problem.detail)))
    title = zh if locale_of(request) == "zh" else en
    response = _problem(problem.status_code, title, f"{title}: {request.url.path}")
    response.headers.update(problem.headers or {})
    return response


async def _database_problem(request: Request, problem: Exception) -> Response:
    """The database is away, restarting, full, or took longer than a request may."""
    log.warning("database: %s", problem)
    cause = getattr(problem, "orig", problem)
    if getattr(cause, "sqlstate", None) == DISK_FULL:
        return await _domain_problem(request, no_room())
    return await _domain_problem(
        request,
        errors.NotReady(
            "the database does not answer in time; try again in a moment",
            "数据库暂时没有响应，请稍后重试",
        ),
    )


async def _pool_problem(request: Request, problem: Exception) -> Response:
    """Every connection to the database is busy."""
    log.warning("database: %s", problem)
    return await _domain_problem(
        request,
        errors.NotReady(
            "too many requests at once; try again in a moment", "同时请求过多，请稍后重试"
        ),
    )


async def _system_problem(request: Request, problem: Exception) -> Response:
    """A disk that is full; anything else from the system is a fault of ours."""
    if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
        log.error("no room left: %s", problem)
        return await _domain_problem(request, no_room())
    return await _unexpected(request, problem)


def no_room() -> errors.StorageFull:
    """What is told where a disk is full."""
    return errors.StorageFull(
        "the server's disk is full, nothing of this was kept; tell the administrator, then send "
        "it again",
        "服务器磁盘已满，本次内容未保存；请联系管理员，处理后重新提交",
    )


async def _value_problem(request: Request, problem: Exception) -> Response:
    """A value that passed every check and yet is none the database can keep, such as NUL."""
    log.warning("value refused at %s: %s", request.url.path, problem)
    return await _domain_problem(
        request,
        errors.InvalidInput("a value cannot be stored (NUL?)", "有无法存储的值（如空字符 NUL）"),
    )


async def _race_problem(request: Request, problem: Exception) -> Response:
    """Two did the same at once, and the database let one of them."""
    log.warning("refused by a constraint at %s: %s", request.url.path, problem)
    return await _domain_problem(
        request,
        errors.Conflict(
            "somebody else was faster, or it is still referred to; look again",
            "他人已先行提交，或仍被其他记录引用，请刷新后重试",
        ),
    )


async def _unexpected(request: Request, problem: Exception) -> Response:
    """A fault of ours: logged with its trace, told without it."""
    log.error("unexpected error at %s", request.url.path, exc_info=problem)
    zh = locale_of(request) == "zh"
    return _problem(
        500,
        "服务器内部错误" if zh else "internal error",
        "服务出现错误，已记入日志，请联系管理员" if zh else "logged; tell the administrator",
    )


def answer_problems(app: FastAPI) -> None:
    """Register the answer to every kind of error."""
    for kind, answer in (
        (errors.DomainError, _domain_problem),
        (RequestValidationError, _validation_problem),
        (HTTPException, _http_problem),
        (OperationalError, _database_problem),
        (InterfaceError, _database_problem),  # a connection that was lost before the statement
        (psycopg.OperationalError, _database_problem),
        (NoConnection, _pool_problem),
        (PoolTimeout, _pool_problem),
        (DataError, _value_problem),
        (psycopg.DataError, _value_problem),
        (IntegrityError, _race_problem),
        (OSError, _system_problem),
        (Exception, _unexpected),
    ):
        app.add_exception_handler(kind, answer)
