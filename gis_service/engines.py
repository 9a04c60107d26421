"""Where batch work is computed: in this process, or by the workers of a Dask cluster.

Work comes as parts in an order, and answers leave in that order; only so many parts are under way
at a time, so a table of any length passes through in bounded memory. What a worker cannot hold it
spills to its disk, as Dask does.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TypeVar

from gis_service.errors import ConfigurationError

EngineName = Literal["local", "dask"]
PROCESSORS = len(os.sched_getaffinity(0))  # that this process may use
PARTS_PER_WORKER = 2  # one computes while the next travels
PATIENCE = "5s"

T = TypeVar("T")


class Engine(Protocol):
    """Computes ``function(shared, *part)`` of parts."""

    def map(
        self, function: Callable[..., T], shared: Any, parts: Iterable[tuple[Any, ...]]
    ) -> Iterator[T]:
        """The answers in the order of the parts. An error of a part is raised here."""
        ...


class LocalEngine:
    """In this process, one part after the other; the functions use the processor's cores."""

    def map(
        self, function: Callable[..., T], shared: Any, parts: Iterable[tuple[Any, ...]]
    ) -> Iterator[T]:
        for part in parts:
            yield function(shared, *part)


class DaskEngine:
    """On the workers of a cluster. ``shared`` travels once to each."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def map(
        self, function: Callable[..., T], shared: Any, parts: Iterable[tuple[Any, ...]]
    ) -> Iterator[T]:
        everywhere = self._client.scatter(shared, broadcast=True, hash=False)
        underway: deque[Any] = deque()
        for part in parts:
            underway.append(self._client.submit(function, everywhere, *part, pure=False))
            # workers may come and go
            if len(underway) >= PARTS_PER_WORKER * max(1, len(self._client.nthreads())):
                yield underway.popleft().result()
        while underway:
            yield underway.popleft().result()


@contextmanager
def open_engine(name: EngineName, scheduler: str | None = None) -> Iterator[Engine]:
    """The engine ``name``. ``scheduler`` is the address of a running Dask cluster
    (``tcp://host:8786``, or ``tls://``); without one a cluster of this machine's cores is started
    on loopback and ended afterwards.

    Raises ConfigurationError where Dask is not installed or the scheduler does not answer.
    """
    if name == "local":
        if scheduler is not None:
            raise ConfigurationError(
                "--scheduler belongs to --engine dask", "--scheduler 只与 --engine dask 一起使用"
            )
        yield LocalEngine()
        return
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise ConfigurationError(
            "Dask is not installed here; it comes with: pip install 'gis_service[dask]'",
            "本机未安装 Dask，安装方法：pip install 'gis_service[dask]'",
        ) from None
    if scheduler is None:
        with (
            LocalCluster(
                n_workers=os.cpu_count(), threads_per_worker=1, host="127.0.0.1",
                dashboard_address=None,
            ) as cluster,
            Client(cluster) as client,
        ):  # fmt: skip
            yield DaskEngine(client)
        return
    try:
        client = Client(scheduler, timeout=PATIENCE)
    except (OSError, TimeoutError, ValueError) as problem:
        raise ConfigurationError(
            f"no Dask scheduler answers there ({problem}); start one with dask scheduler",
            f"该地址没有可用的 Dask 调度器（{problem}）；可用 dask scheduler 启动",
            where=scheduler,
        ) from None
    with client:
        if not client.nthreads():
            raise ConfigurationError(
                "the scheduler has no workers; start some with dask worker",
                "调度器没有工作进程；请用 dask worker 启动",
                where=scheduler,
            )
        yield DaskEngine(client)
