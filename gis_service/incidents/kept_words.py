"""The index of words on disk: a service that starts again reads only what was said since.

The index holds what every change up to a number of the feed said, and only grows. So whoever
finds it beside a database whose feed has that very change can go on from there; after a restore,
or beside another database, the number is missing or means another change.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput
from gis_service.hierarchy.array_folder import open_arrays, save_arrays, written_whole
from gis_service.incidents.words import Part, Span, Words

log = logging.getLogger(__name__)

_VERSION = 1  # another one for whatever changes what is in an index
# what was said once and taken back stays in an index, on disk not longer than this; and changes
# are remembered longer, so none that came later is missing
LONGEST = timedelta(days=14)
NEAR = 1_000  # changed incidents whose numbers lie no further apart are read as one span

_CHANGE = text("SELECT id, at FROM event WHERE seq = :seq")
_SINCE = text("SELECT payload FROM event WHERE seq > :seq AND topic = 'incidents'")
_DATABASE = text("""
    SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || current_database()
""")


def words_folder(session: Session, data_dir: Path) -> Path:
    """Where the index of a database lies; one data folder may serve several."""
    name = hashlib.sha256(session.execute(_DATABASE).scalar_one().encode()).hexdigest()[:12]
    return data_dir.resolve() / "words" / name


def keep_words(session: Session, words: Words, seq: int, folder: Path) -> bool:
    """Write ``words``, which holds all changes up to ``seq``, into ``folder``; False where there is
    nothing to keep, or the feed does not know that number (any more)."""
    change = session.execute(_CHANGE, {"seq": seq}).one_or_none()
    if change is None or not words.parts:
        return False
    parts = words.parts
    about = {
        "version": _VERSION, "parts": len(parts), "seq": seq, "event": change.id,
        "at": change.at.isoformat(), "begun": words.begun.isoformat(),
    }  # fmt: skip
    arrays = {
        f"{name}-{number}": array
        for number, part in enumerate(parts) for name, array in part._asdict().items()
    }  # fmt: skip
    with written_whole(folder) as draft:
        draft.mkdir(0o700)  # what is said of incidents can be guessed from it
        save_arrays(draft, arrays, about)
    return True


def kept_words(session: Session, folder: Path) -> tuple[Words, list[Span]] | None:
    """The index kept in ``folder`` and the incidents it knows too little of; None where there is
    none that fits the database."""
    if not folder.exists():
        return None
    try:
        _, about = open_arrays(folder, (), _VERSION)
        names = [f"{name}-{n}" for n in range(about["parts"]) for name in Part._fields]
        arrays, _ = open_arrays(folder, names, _VERSION)
        begun = datetime.fromisoformat(about["begun"])
        known = (about["event"], datetime.fromisoformat(about["at"]))
        parts = [
            Part(*(arrays[f"{name}-{n}"] for name in Part._fields)) for n in range(about["parts"])
        ]
    except (InvalidInput, KeyError, TypeError, ValueError) as problem:
        log.warning("reading the texts of all incidents again: %s", problem)
        return None
    change = session.execute(_CHANGE, {"seq": about["seq"]}).one_or_none()
    if change is None or (change.id, change.at) != known:
        return None
    if datetime.now(UTC) - begun > LONGEST:
        return None
    changes = session.execute(_SINCE, {"seq": about["seq"]}).scalars().all()
    spans = [(change["first"], change["last"]) for change in changes if "first" in change]
    single = {number for change in changes for number in change.get("ids", ())}
    return Words(parts, begun), [*spans, *_together(single)]


def _together(numbers: Iterable[int]) -> list[Span]:
    spans: list[Span] = []
    for number in sorted(numbers):
        if spans and number - spans[-1][1] <= NEAR:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    return spans
