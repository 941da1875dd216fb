"""The search index of persons: behind the data by a lag, and found by what a person was when it was indexed."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

from tests.servers.pipedrive.clock import Clock
from tests.servers.pipedrive.tables import Row

FIELDS = ("name", "email", "phone", "custom_fields", "notes")


class SearchIndex:
    """Indexed texts of persons by field, and who has an exact text."""

    def __init__(self, clock: Clock, lag: float) -> None:
        self._clock, self._lag = clock, lag
        self._waiting: deque[tuple[str, Row]] = deque()
        self._texts: dict[int, dict[str, list[str]]] = {}
        self._exact: dict[tuple[str, str], set[int]] = defaultdict(set)
        self._gone: set[int] = set()

    def changed(self, row: Row, *, at_once: bool = False) -> None:
        """Index a person when the lag is over."""
        self._waiting.append(("" if at_once else self._clock.now(), row))

    def forget(self, person_id: int) -> None:
        """Never find a deleted person again: this does not lag."""
        self._gone.add(person_id)
        for field, texts in self._texts.pop(person_id, {}).items():
            for text in texts:
                self._exact[field, text.casefold()].discard(person_id)

    def find(self, term: str, fields: Iterable[str], *, exact: bool) -> list[tuple[float, int, dict[str, list[str]]]]:
        """(score, person id, indexed texts) of those found, best first, then by id."""
        self._index_due()
        wanted, term = list(fields), term.casefold()
        if exact:
            ids = set().union(*(self._exact.get((field, term), set()) for field in wanted))
            return [(1.0, person_id, self._texts[person_id]) for person_id in sorted(ids)]
        found = []
        for person_id, texts in self._texts.items():
            hits = [text for field in wanted for text in texts[field] if term in text.casefold()]
            if hits:
                score = round(max(len(term) / len(text) for text in hits), 4)
                found.append((score, person_id, texts))
        return sorted(found, key=lambda hit: (-hit[0], hit[1]))

    def _index_due(self) -> None:
        limit = self._clock.before(seconds=self._lag)
        # In order of writing; a clock that was set back leaves later entries waiting behind earlier ones.
        while self._waiting and self._waiting[0][0] <= limit:
            row = self._waiting.popleft()[1]
            if row["id"] in self._gone:
                continue
            for field, texts in self._texts.get(row["id"], {}).items():
                for text in texts:
                    self._exact[field, text.casefold()].discard(row["id"])
            self._texts[row["id"]] = texts_of(row)
            for field, texts in self._texts[row["id"]].items():
                for text in texts:
                    self._exact[field, text.casefold()].add(row["id"])


def texts_of(row: Row) -> dict[str, list[str]]:
    """What a person is found by, field by field."""
    return {
        "name": [row["name"]],
        "email": [contact["value"] for contact in row["emails"]],
        "phone": [contact["value"] for contact in row["phones"]],
        "custom_fields": [text for value in row["custom_fields"].values() if (text := _text(value))],
        "notes": [row["notes"]] if row["notes"] else [],
    }


def _text(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("value")
    return None if value is None or isinstance(value, list) else str(value)
