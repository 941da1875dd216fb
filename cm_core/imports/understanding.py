"""Which column of a file is which field, by headers and by what the values show together.

Headers and the feed's declarations come first (`mapping`). Where nobody knows the header, or the header lies, the
values decide, if they are evidence enough (`content`): never a field that a header gave already, and not against what
the header says. Whether the columns are those that the feed had before is in `schema`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import islice

from cm_core.errors import FileRejected
from cm_core.hygiene.text import read_yaml
from cm_core.imports import content, marks
from cm_core.imports.content import Column, Kind
from cm_core.imports.feed_catalog import Feed
from cm_core.imports.mapping import Mapping, Use, label_of, mapping_of, match_headers, require
from cm_core.imports.number_columns import is_action
from cm_core.imports.reader import Batch

#: The kind of value that a field (or the part of an address behind the point) holds, where values can be told apart.
KINDS: MappingType[str, Kind] = {
    "phone": "phone", "email": "email", "zip": "zip", "state": "state", "line1": "street", "city": "words",
    "full_name": "name", "first_name": "name", "last_name": "name", "organization": "name", "contact_name": "name",
    "second_name": "name", "second_first_name": "name", "second_last_name": "name",
    "date_of_birth": "date", "source_date": "date", "touchpoint_date": "date", "listing_date": "date",
    "opted_out_at": "date", "start_date": "date", "end_date": "date", "starts_at": "date", "ends_at": "date",
    "revoked_at": "date", "ported_at": "date",
}  # fmt: skip
#: Fields that name somebody: content gives none where a header gave one of them.
_NAMES = frozenset({"full_name", "first_name", "last_name", "organization"})
_WHOLE_NAMES = frozenset({"full_name", "contact_name", "second_name"})
_ENDS = frozenset({"phone", "email", "from_contact", "to_contact", "number"})
_GENERIC = re.compile(
    r"(?:(?:column|col|field|feld|spalte|unnamed|value|var|c|f|v|x)?[\s_.:#-]*\d*|[a-z])", re.IGNORECASE
)
_SAMPLE_BYTES = 16 << 20
_CONFIDENT_UNJUDGED, _CONFIDENT_EMPTY, _CONFIDENT_CONTRADICTED = 0.9, 0.7, 0.5


@dataclass(frozen=True)
class Conflict:
    """A column whose values are not what its header or feed says: hardly any is `expected`, nearly all are `found`."""

    header: str
    field: str
    expected: Kind
    found: Kind
    share: float
    declared: bool


@dataclass(frozen=True)
class Understanding:
    """The columns of a file. `refusal` says why it cannot be an import, if it cannot; `notes` what to look at."""

    mapping: Mapping
    conflicts: tuple[Conflict, ...] = ()
    refusal: str | None = None
    notes: tuple[str, ...] = ()

    def is_usable(self, feed: Feed) -> bool:
        """Whether a column that the feed requires may be what its header says, by at least some of its values."""
        uses = (use for use in self.mapping.uses if use.confidence > _CONFIDENT_CONTRADICTED)
        fields = {"address" if use.field.endswith(".line1") else use.field for use in uses}
        return self.refusal is None and not fields.isdisjoint(feed.requires_any)


def sample_of(batches: Iterable[Batch], width: int) -> list[Column]:
    """The first records of a file, by column; fewer where they are long."""
    cells: list[list[str | None]] = [[] for _ in range(width)]
    size = 0
    for batch in islice(batches, 100):
        size += batch.size
        part = batch.table.slice(0, content.SAMPLE_ROWS - len(cells[0]) if cells else 0)
        for position, column in enumerate(cells):
            column.extend(part.column(position + 1).to_pylist())
        if not cells or len(cells[0]) >= content.SAMPLE_ROWS or size >= _SAMPLE_BYTES:
            break
    return [Column(column) for column in cells]


def understand(
    headers: Sequence[str],
    feed: Feed,
    sample: Sequence[Column],
    *,
    written: Sequence[str] = (),
    declared: bool = False,
) -> Understanding:
    """Match the columns `headers`, of which `sample` has values, to the fields of `feed`.

    `written`: the headers as they stand in the file, where some repeat. `declared`: the headers are the names that the
    feed itself gives to a file without a header. Then the values decide nothing; where they contradict, that is a
    conflict all the same. Never raises for a fault of the file.
    """
    try:
        mapping = match_headers(headers, feed, written)
    except FileRejected as error:
        return Understanding(Mapping((), tuple(headers)), refusal=str(error))
    conflicts: list[Conflict] = []
    uses: list[Use] = []
    moved: list[tuple[Use, int]] = []
    for use in mapping.uses:
        by_feed = declared or use.how == "feed"
        lying = {} if use.joined else dict(_conflicts(use, sample, by_feed))
        conflicts.extend(lying.values())
        if by_feed:
            uses.append(replace(use, how="feed"))
            continue
        kept = [column for column in use.columns if column not in lying]
        if kept:
            uses.append(_with_columns(use, kept, headers))
        moved.extend((use, column) for column in lying)
    written = written or headers
    if not declared:
        marked = {column for use in marks.find_marks(headers, written, uses, feed) for column in use.columns}
        found = _Finder(headers, feed, sample, uses, {column for _, column in moved}, marked)
        uses.extend(found.uses())
        placed = {column for use in uses for column in use.columns}
        for use, column in moved:  # nothing better is known of them
            if column not in placed:
                uses.append(replace(_with_columns(use, [column], headers), confidence=0.0))
    uses = _joined(uses)
    found_marks = marks.find_marks(headers, written, uses, feed)
    refused = [use for use in found_marks if not marks.fits(use, sample)]
    uses += [use for use in found_marks if use not in refused]
    mapping = mapping_of([_ordered(_rated(use, sample), sample) for use in uses], headers, feed)
    notes = tuple(marks.unheard(headers, mapping, sample, feed, refused))
    try:
        require(mapping, headers, feed)
    except FileRejected as error:
        return Understanding(mapping, tuple(conflicts), str(error), notes)
    return Understanding(mapping, tuple(conflicts), notes=notes)


def is_generic(header: str) -> bool:
    """Whether a header says nothing: blank, a letter, a number, `c1`, `column_1`, `Field 7`, `Unnamed: 3`."""
    return _GENERIC.fullmatch(header.strip()) is not None


def kind_of(field: str) -> Kind | None:
    """The kind of value that a field holds, where values can be told apart."""
    return KINDS.get(field.rpartition(".")[2])


def _conflicts(use: Use, sample: Sequence[Column], declared: bool) -> Iterator[tuple[int, Conflict]]:
    expected = kind_of(use.field)
    if expected is None:
        return
    for column, header in zip(use.columns, use.headers, strict=True):
        if held := content.held_instead(sample[column], expected):
            yield column, Conflict(header, use.field, expected, *held, declared)


def _with_columns(use: Use, columns: Sequence[int], headers: Sequence[str]) -> Use:
    return replace(use, columns=tuple(columns), headers=tuple(headers[column] for column in columns))


def _joined(uses: Sequence[Use]) -> list[Use]:
    """The uses, those of one single-valued field made one again."""
    result: list[Use] = []
    for use in uses:
        same = next((u for u in result if u.field == use.field and u.how == use.how == "header"), None)
        if same is None or use.field in ("phone", "email", "identifier"):
            result.append(use)
        else:
            columns, headers = (*same.columns, *use.columns), (*same.headers, *use.headers)
            result[result.index(same)] = replace(same, columns=columns, headers=headers)
    return result


def _rated(use: Use, sample: Sequence[Column]) -> Use:
    """The use with how sure it is: declared ones are, others by how many values are of the field's kind."""
    if use.how == "feed" or use.how == "content" or use.confidence == 0.0:
        return replace(use, confidence=round(use.confidence, 2))
    expected = kind_of(use.field)
    if expected is None or not sample:
        return replace(use, confidence=_CONFIDENT_UNJUDGED)
    share = content.fits(sample[use.columns[0]], expected)
    return replace(
        use, confidence=_CONFIDENT_EMPTY if share is None else round(_CONFIDENT_CONTRADICTED + 0.5 * share, 2)
    )


def _ordered(use: Use, sample: Sequence[Column]) -> Use:
    """The use with the order of whole names, as the names of the sample have it."""
    if use.field not in _WHOLE_NAMES or use.joined or not sample:
        return use
    return replace(use, surname_first=content.stands_last_first(sample[use.columns[0]]))


class _Finder:
    """Finds uses for the columns that no header gave one."""

    def __init__(
        self,
        headers: Sequence[str],
        feed: Feed,
        sample: Sequence[Column],
        uses: Sequence[Use],
        lying: set[int],
        marked: set[int],
    ) -> None:
        self._headers, self._feed, self._sample = headers, feed, sample
        self._lying = lying
        self._fields = {use.field for use in uses}
        self._by_header = {use.field: use for use in uses}
        taken = marked.union(*(use.columns for use in uses))
        self._open = [column for column in range(len(sample)) if column not in taken and sample[column].values]
        self._found: list[Use] = []

    def uses(self) -> list[Use]:
        """The uses found. Addresses first, since streets and ZIP codes with digits are the clearest."""
        self._address()
        for field, evidence in (("email", content.email_evidence), ("phone", content.phone_evidence)):
            self._contacts(field, evidence)
        self._name()
        self._action()
        return self._found

    def _action(self) -> None:
        """The column of a do-not-call list that makes it a list of changes: A and D, and nothing else."""
        if self._feed.target != "dnc_registry" or "action" in self._fields:
            return
        for column in self._open:
            if all(map(is_action, self._sample[column].values)):
                self._take("action", column, 0.99)
                return

    def _address(self) -> None:
        slots = sorted({field.rpartition(".")[0] for field in self._fields if "." in field})
        if len(slots) > 1:  # whose the part would be cannot be known
            return
        slot = slots[0] if slots else ""
        lacks = [
            part
            for part in ("line1", "zip", "state", "city")
            if part in self._feed.address_fields
            and f"{slot}.{part}" not in self._fields
            and f"{slot}.{part}" not in self._feed.constants
        ]
        street = self._column_of(f"{slot}.line1")
        if "line1" in lacks and (best := self._first("line1", content.street_evidence, after=None)):
            street = self._take(f"{slot}.line1", *best)
        zips = self._column_of(f"{slot}.zip")
        state = self._column_of(f"{slot}.state")
        if "zip" in lacks and (best := self._first("zip", content.zip_evidence, after=street)):
            codes = self._sample[best[0]]
            beside = street is not None or len(codes.values) >= 20
            beside = beside or (
                content.state_evidence(self._sample[state], codes) is not None
                if state is not None
                else bool(self._candidates("state", lambda c: content.state_evidence(c, codes)))
            )
            if beside:
                zips = self._take(f"{slot}.zip", *best)
        if "state" in lacks and (zips is not None or street is not None):
            beside_zip = self._sample[zips] if zips is not None else None
            if best := self._first("state", lambda c: content.state_evidence(c, beside_zip), after=street):
                self._take(f"{slot}.state", *best)
        if (
            "city" in lacks
            and zips is not None
            and (best := self._first("city", lambda c: content.city_evidence(c, self._sample[zips]), after=street))
        ):
            self._take(f"{slot}.city", *best)

    def _contacts(self, field: str, evidence: Callable[[Column], float | None]) -> None:
        """Columns of phones or e-mail addresses: in lists of people any number, elsewhere one, if there is none."""
        if field not in self._feed.fields:
            return
        target = self._feed.target
        closing = {
            "contacts": frozenset[str](), "touchpoints": _ENDS, "dnc_registry": _ENDS, "opt_outs": {field},
            "contact_facts": {field},
        }  # fmt: skip
        if target not in closing or self._fields & closing[target]:
            return
        candidates = self._candidates(field, evidence)
        if target != "contacts":
            candidates = sorted(candidates, key=lambda found: -found[1])[:1]
        for column, confidence in candidates:
            self._take(field, column, confidence)

    def _name(self) -> None:
        if self._fields & _NAMES or "full_name" not in self._feed.fields:
            return
        whole = self._first("name", content.name_evidence, after=None)
        given = self._first("name", content.given_names, after=None)
        last = self._first("name", content.surnames, after=None)
        if given and last and abs(given[0] - last[0]) <= 2 and (not whole or min(given[0], last[0]) < whole[0]):
            self._take("first_name", *given)
            self._take("last_name", *last)
        elif whole:
            self._take("full_name", *whole)

    def _candidates(self, what: str, evidence: Callable[[Column], float | None]) -> list[tuple[int, float]]:
        found = []
        for column in self._open:
            if column not in self._lying and not _may_be(what, self._headers[column]):
                continue
            if (confidence := evidence(self._sample[column])) is not None:
                found.append((column, min(confidence, 0.99)))
        return found

    def _first(
        self, what: str, evidence: Callable[[Column], float | None], *, after: int | None
    ) -> tuple[int, float] | None:
        """The first candidate, or the first behind the column `after` if there is one."""
        candidates = self._candidates(what, evidence)
        behind = [found for found in candidates if after is None or found[0] > after]
        return next(iter(behind or candidates), None)

    def _take(self, field: str, column: int, confidence: float) -> int:
        header = self._headers[column]
        label = None if column in self._lying else label_of(field, header)
        self._found.append(Use(field, (column,), (header,), "content", label, confidence=confidence))
        self._fields.add(field)
        self._open.remove(column)
        return column

    def _column_of(self, field: str) -> int | None:
        use = self._by_header.get(field)
        return use.columns[0] if use else None


@cache
def _words() -> MappingType[str, frozenset[str]]:
    text = files("cm_core.imports").joinpath("content_words.yaml").read_text(encoding="utf-8")
    return {name: frozenset(str(word) for word in words) for name, words in read_yaml(text).items()}


def _may_be(what: str, header: str) -> bool:
    """Whether nothing in the header speaks against its column being `what`."""
    words = _words()
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header).lower()
    tokens = set(re.findall(r"[^\W\d_]+", text))
    said = {name for name in words if tokens & words[name]}
    if any(part in text for part in words["counted_inside"]):
        said.add("counted")
    if what == "phone" and any(part in text for part in words["dialled"]):
        said.discard("counted")
    against = {
        "phone": {"counted", "somebody_else"},
        "email": {"somebody_else"},
        "line1": {"somebody_else", "counted"},
        "zip": {"counted", "somebody_else"},
        "state": {"flags", "districts", "somebody_else"},
        "city": {"districts", "somebody_else", "things"},
        "name": {"districts", "somebody_else", "things", "counted"},
    }[what]
    return not said & against
