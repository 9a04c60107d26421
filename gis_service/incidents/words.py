"""Which incidents may hold a word: an index in memory of the characters of their texts.

Of every block of incidents with numbers next to each other it holds which characters, pairs of
neighbouring characters, beginnings of case numbers and numbers of sources occur. A word then names
the few blocks that have all its pairs; whether an incident really holds it, the database says.
What an incident once said stays in the index, so an edit needs nothing taken out.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import psycopg

from gis_service.db.copy import literal

BLOCK_BITS = 3  # 8 incidents a block
CODE_LETTERS = 8  # the day of a case number; behind it every number differs
# parts of the index are merged up to so many entries; more are looked through one by one
LARGEST_PART = 8_000_000
BATCH = 5_000  # texts taken in at a time: requests are answered in between
EVERYTHING = (0, 2**63 - 1)
_BETWEEN = "\n"  # fields and texts; what holds one in itself is not indexed across it
_SELECT = """
    SELECT i.id, i.code, i.external_id,
        lower(concat_ws(E'\\n', i.address, i.description, i.class_name))
    FROM incident i WHERE %s
"""
Span = tuple[int, int]  # incidents by number, first and last
Entries = npt.NDArray[np.uint64]  # sign << 32 | block


class Text(NamedTuple):
    """What is said of an incident; ``words`` in the database's lower case."""

    id: int
    code: str
    external_id: str
    words: str


class Part(NamedTuple):
    """Entries by sign: those of ``signs[n]`` are ``blocks[starts[n]:starts[n + 1]]``."""

    signs: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int64]
    blocks: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, entries: Entries) -> Part:
        signs = (entries >> np.uint64(32)).astype(np.uint32)
        firsts = np.append(0, np.flatnonzero(signs[1:] != signs[:-1]) + 1)
        return cls(signs[firsts], np.append(firsts, len(signs)), entries.astype(np.uint32))

    def entries(self) -> Entries:
        signs = np.repeat(self.signs.astype(np.uint64), np.diff(self.starts))
        return signs << np.uint64(32) | self.blocks

    def find(self, sign: int) -> npt.NDArray[np.uint32]:
        at = int(np.searchsorted(self.signs, np.uint32(sign)))
        if at == len(self.signs) or self.signs[at] != sign:
            return self.blocks[:0]
        return self.blocks[self.starts[at] : self.starts[at + 1]]


@dataclass(frozen=True)
class Holding:
    """Which incidents may hold a word: those of some ``blocks``, and those ``expected``, of which
    nobody knows yet."""

    blocks: npt.NDArray[np.bool_]
    expected: frozenset[Span]

    def of(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """A mask over incidents by number."""
        held = np.asarray(self.blocks[ids >> BLOCK_BITS])
        for first, behind in self.expected:
            held |= (ids >= first) & (ids <= behind)
        return held

    def few(self, most: int) -> npt.NDArray[np.int64] | None:
        """Their numbers, some of which may be no incident's; None where they are more than
        ``most``."""
        if self.expected or np.count_nonzero(self.blocks) << BLOCK_BITS > most:
            return None
        firsts = np.flatnonzero(self.blocks) << BLOCK_BITS
        return (firsts[:, None] + np.arange(1 << BLOCK_BITS)).ravel()


class Words:
    """The index. It only grows, so whoever holds an older snapshot may ask it too; adding and
    asking are safe from several threads."""

    def __init__(self, parts: Sequence[Part] = (), begun: datetime | None = None) -> None:
        """Empty, everything expected; or from ``parts`` that were begun then, nothing expected."""
        self.begun = begun or datetime.now(UTC)
        self._parts = tuple(parts)
        self._expected = frozenset() if parts else frozenset({EVERYTHING})
        self._changing = threading.Lock()

    @property
    def parts(self) -> tuple[Part, ...]:
        """What it holds now."""
        return self._parts

    @property
    def ready(self) -> bool:
        """Whether nothing is expected any more."""
        return not self._expected

    def expect(self, span: Span) -> None:
        """The incidents numbered first to last may hold anything until :meth:`arrived`."""
        with self._changing:
            self._expected |= {span}

    def arrived(self, span: Span) -> None:
        """What was expected has been added."""
        with self._changing:
            self._expected -= {span}

    def add(self, texts: Sequence[Text]) -> None:
        """Take in what is said of incidents, new or changed."""
        if not texts:
            return
        added = Part.of(_entries(texts))
        with self._changing:
            parts = [*self._parts, added]
            while len(parts) > 1:
                before, last = len(parts[-2].blocks), len(parts[-1].blocks)
                if before > 2 * last or before + last > LARGEST_PART:
                    break
                both = [parts.pop().entries(), parts.pop().entries()]
                parts.append(Part.of(_distinct(np.concatenate(both))))
            self._parts = tuple(parts)

    def may_hold(self, q: str, last: int) -> Holding | None:
        """Which of the incidents up to number ``last`` may pass the filter ``q``; None where not
        all has been read yet or ``q`` tells too little."""
        # asked before the parts: what arrives in between is in them
        expected, parts = self._expected, self._parts
        letters = _signs_of(q)
        if EVERYTHING in expected or not letters:
            return None
        blocks = np.zeros((last >> BLOCK_BITS) + 1, np.bool_)
        for signs in ([_sign("=", q)], [_sign("^", q[:CODE_LETTERS])], letters):
            blocks |= np.logical_and.reduce([_blocks(parts, sign, len(blocks)) for sign in signs])
        return Holding(blocks, expected)

    def size(self) -> int:
        """Bytes held."""
        return sum(
            part.signs.nbytes + part.starts.nbytes + part.blocks.nbytes for part in self._parts
        )


def read_texts(
    connection: psycopg.Connection[Any], words: Words, condition: str, parameters: Any
) -> None:
    """Add what is said of the incidents for which ``condition`` (on ``i``) holds."""
    rows = connection.execute(literal(_SELECT % condition), parameters).fetchall()
    words.add([Text(*row) for row in rows])


def batches(connection: psycopg.Connection[Any], span: Span) -> list[Span]:
    """The incidents numbered first to last that there are, in spans to read at a time."""
    row = connection.execute("SELECT coalesce(max(id), 0) FROM incident").fetchone()
    last = min(span[1], row[0] if row else 0)
    return [(first, min(last, first + BATCH - 1)) for first in range(span[0], last + 1, BATCH)]


def _blocks(parts: tuple[Part, ...], sign: int, count: int) -> npt.NDArray[np.bool_]:
    found = np.zeros(count, np.bool_)
    for part in parts:
        blocks = part.find(sign)
        found[blocks[: np.searchsorted(blocks, count)]] = True
    return found


def _signs_of(q: str) -> list[int]:
    """The signs of the characters of a word, of its pairs where there are any. Left out is what
    the database may write otherwise in lower case than Python."""
    letters = np.array([ord(letter) for letter in q], np.uint64)
    plain = np.array([_lower(letter) for letter in q], np.int64)
    lower = np.where(plain < 0, letters, plain.astype(np.uint64))
    sure = plain >= 0
    pairs = sure[:-1] & sure[1:]
    if pairs.any():
        return np.unique(_mixed(_paired(lower)[pairs])).tolist()
    return np.unique(_mixed(lower[sure])).tolist()


def _lower(letter: str) -> int:
    """The lower case of an ASCII letter, a letter without case as it is; -1 of others."""
    if letter.isascii():
        return -1 if letter == _BETWEEN else ord(letter.lower())
    return ord(letter) if letter.lower() == letter.upper() else -1


def _entries(texts: Sequence[Text]) -> Entries:
    """What the index holds of ``texts``, sorted."""
    ids = np.fromiter((one.id for one in texts), np.int64, len(texts))
    blocks = (ids >> BLOCK_BITS).astype(np.uint64)
    lengths = np.fromiter((len(one.words) + 1 for one in texts), np.int64, len(texts))
    raw = "".join(f"{one.words}{_BETWEEN}" for one in texts).encode("utf-32-le")
    letters = np.frombuffer(raw, np.uint32).astype(np.uint64)
    block = np.repeat(blocks, lengths)
    inside = letters != ord(_BETWEEN)
    pairs = inside[:-1] & inside[1:]
    days = [one.code[:CODE_LETTERS] for one in texts]
    beginnings = np.fromiter(chain.from_iterable(map(_beginnings, days)), np.uint64)
    block_of_each = np.repeat(blocks, np.fromiter(map(len, days), np.int64, len(days)))
    numbers = np.fromiter((_sign("=", one.external_id) for one in texts), np.uint64, len(texts))
    shift = np.uint64(32)
    return _distinct(
        np.concatenate(
            [
                _mixed(letters[inside]) << shift | block[inside],
                _mixed(_paired(letters)[pairs]) << shift | block[:-1][pairs],
                numbers << shift | blocks,
                beginnings << shift | block_of_each,
            ]
        )
    )


def _distinct(entries: Entries) -> Entries:
    """``np.unique``, which hashes, is slower than sorting where most occur once or twice."""
    entries.sort()
    kept = np.ones(len(entries), np.bool_)
    np.not_equal(entries[1:], entries[:-1], out=kept[1:])
    return entries[kept]


@lru_cache(4096)
def _beginnings(day: str) -> tuple[int, ...]:
    return tuple(_sign("^", day[:length]) for length in range(1, len(day) + 1))


def _sign(kind: str, value: str) -> int:
    return zlib.crc32(f"{kind}{value}".encode())


def _paired(letters: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Two neighbours as one number; 0 is no first letter, so no pair looks like a letter."""
    return letters[:-1] << np.uint64(21) | letters[1:]


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """32 well-mixed bits of each (the finisher of SplitMix64, Steele et al. 2014)."""
    values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return (values ^ values >> np.uint64(31)) >> np.uint64(32)
