"""Tiles that were made, by what was asked and where it lies."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime

KEPT_BESIDE = 300  # bytes that a tile takes beside its body, about

Address = tuple[str, int, int, int]  # layer, z, x, y
Key = tuple[Address, Hashable]  # an address has a tile for each filter and scope of askers


@dataclass(frozen=True)
class Tile:
    """Bytes of a tile, its ETag, the version of the data it was made from, and the one minute for
    which it is true where it depends on the time."""

    body: bytes
    etag: str
    version: int
    minute: datetime | None = None


class TileCache:
    """Least recently used tiles up to a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._tiles: OrderedDict[Key, Tile] = OrderedDict()
        # by layer, too: a report empties one, which would else be looked for among all
        self._at: dict[str, dict[Address, set[Key]]] = {}

    def get(self, key: Key) -> Tile | None:
        tile = self._tiles.get(key)
        if tile is not None:
            self._tiles.move_to_end(key)
        return tile

    def put(self, key: Key, tile: Tile) -> None:
        if key in self._tiles:
            self._drop(key)
        self._tiles[key] = tile
        address = key[0]
        self._at.setdefault(address[0], {}).setdefault(address, set()).add(key)
        self.bytes += len(tile.body) + KEPT_BESIDE
        while self.bytes > self.most_bytes and self._tiles:
            self._drop(next(iter(self._tiles)))

    def forget_layers(self, layers: Iterable[str]) -> None:
        for layer in layers:
            self.forget(list(self._at.get(layer, ())))

    def forget(self, addresses: Iterable[Address]) -> None:
        for address in addresses:
            for key in list(self._at.get(address[0], {}).get(address, ())):
                self._drop(key)

    def _drop(self, key: Key) -> None:
        self.bytes -= len(self._tiles.pop(key).body) + KEPT_BESIDE
        address = key[0]
        there = self._at[address[0]][address]
        there.discard(key)
        if not there:
            del self._at[address[0]][address]
