"""Whether a file has the columns that its feed had before: what is new, what is missing, and what turned into another.

A new or a missing column is reported. A column that holds something else than before, or than the feed declares, is a
reason to reject the file; so are those of a list of contacts in a file that only its name sent elsewhere. What the
columns are is found in `understanding`; whether a feed's required ones are there, in `mapping`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cm_core.imports.content import Column, Kind
from cm_core.imports.feed_catalog import Feed, load_feed
from cm_core.imports.mapping import means, squash
from cm_core.imports.naming import GROWING, REMEDY
from cm_core.imports.understanding import Conflict, Understanding, is_generic, kind_of, understand
from cm_core.store.database import Database

#: Imports of the feed that are looked at for one of the same list.
_LOOKED_AT = 20
#: From this confidence on, what an earlier import took a column for was borne out by its values.
_BORNE_OUT = 0.75
_NAMED_AT_MOST = 12
_WORDS: Mapping[Kind, str] = {
    "phone": "phone numbers", "email": "e-mail addresses", "zip": "ZIP codes", "state": "states",
    "street": "street addresses", "name": "names", "date": "dates", "words": "words",
}  # fmt: skip
_EARLIER = """
select import_id, file_format
from import_metadata
where feed = %s and schema_version <=> %s and status = 'COMPLETE' and import_id <> %s and file_format is not null
order by id desc
limit %s
"""


@dataclass(frozen=True)
class Earlier:
    """The columns of an earlier import: the field and the confidence of each by header, and every header."""

    import_id: str
    fields: Mapping[str, tuple[str, float]]
    headers: tuple[str, ...]

    @classmethod
    def read(cls, import_id: str, file_format: Mapping[str, Any]) -> Earlier:
        """From `import_metadata.file_format`."""
        uses = file_format.get("columns", [])
        fields = {
            header: (use["field"], float(use.get("confidence", 0.0))) for use in uses for header in use["headers"]
        }
        return cls(import_id, fields, (*fields, *file_format.get("kept_raw_only", [])))


@dataclass(frozen=True)
class Schema:
    """How the columns of a file compare. `compared_with` is an import, `the declared columns`, or None.

    `notes` are sentences for people; `refusal` says why the file cannot be an import.
    """

    compared_with: str | None = None
    new_columns: tuple[str, ...] = ()
    missing_columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str | None = None

    @property
    def status(self) -> str:
        """PASS, WARN (somebody should look) or FAIL."""
        if self.refusal:
            return "FAIL"
        return "WARN" if self.new_columns or self.missing_columns or self.notes else "PASS"

    def as_json(self) -> dict[str, Any]:
        """For `import_metadata.file_format`."""
        return {
            "status": self.status, "compared_with": self.compared_with, "new_columns": list(self.new_columns),
            "missing_columns": list(self.missing_columns), "notes": list(self.notes), "refusal": self.refusal,
        }  # fmt: skip


def check_schema(
    database: Database,
    import_id: str,
    feed: Feed,
    headers: Sequence[str],
    understood: Understanding,
    *,
    declared: bool,
    warnings: Sequence[str] = (),
) -> Schema:
    """Compare the columns of a file with those of the last complete import of the same list, and with the feed's own.

    The same list is the same feed and `schema_version`, and columns in common (`find_same_list`): what is called
    `contacts` is lists of all kinds, and one of a county has nothing to do with another's. `warnings` go first
    among the notes. Reads the database, writes nothing.
    """
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(_EARLIER, (feed.name, feed.schema_version, import_id, _LOOKED_AT))
        imports = [Earlier.read(row[0], json.loads(row[1])) for row in cursor.fetchall()]
    found = compare(feed, headers, understood, find_same_list(headers, imports), declared=declared)
    return replace(found, notes=(*warnings, *found.notes))


def find_same_list(headers: Sequence[str], imports: Sequence[Earlier]) -> Earlier | None:
    """The one of `imports`, newest first, that has the most columns in common with `headers`; None without.

    It has the same headers, or at least three in common that are half of those of either: nearly every list has a name
    and a phone. Headers that are made up for blank ones do not count.
    """
    names, best, most = {_same(header) for header in headers}, None, 0
    for earlier in imports:
        known = {_same(header) for header in earlier.headers}
        common = {name for name in known & names if not _is_made_up(name)}
        is_same = known == names or (len(common) >= 3 and 2 * len(common) >= max(len(known), len(names)))
        if is_same and len(known & names) > most:
            best, most = earlier, len(known & names)
    return best


def compare(
    feed: Feed, headers: Sequence[str], understood: Understanding, earlier: Earlier | None, *, declared: bool
) -> Schema:
    """Compare what is understood of a file with an earlier import of the same list; without one, with the feed."""
    refusal = understood.refusal or _turned(feed, understood, earlier)
    notes = (*(_contradiction(conflict, understood) for conflict in understood.conflicts), *understood.notes)
    if earlier is not None:
        compared_with: str | None = earlier.import_id
        known, names = {_same(header) for header in earlier.headers}, {_same(header) for header in headers}
        new = [header for header in understood.mapping.unmapped if _same(header) not in known]
        missing = [h for h in earlier.headers if _same(h) not in names and not _is_made_up(_same(h))]
        notes += tuple(_moved(understood, earlier))
    else:
        compared_with = "the declared columns" if declared else None
        new = list(headers[len(feed.columns) :]) if declared and feed.columns else []
        used = {header for use in understood.mapping.uses for header in use.headers}
        new, missing = [header for header in new if header not in used], []
    return Schema(compared_with, tuple(new), tuple(missing), notes, refusal)


def misnamed(feed: Feed, headers: Sequence[str], sample: Sequence[Column]) -> str | None:
    """Why a file that only its name sent to `feed` is to be refused: its columns are those of a list of contacts.

    These name people, where they live and how to reach them. A list of numbers has neither names nor addresses. That
    it is what its name says all the same, a column tells that only such a list has (`told_by`).
    """
    if feed.target not in GROWING:
        return None
    if (odd := next((header for header in headers if means(header, feed.never_has)), None)) is not None:
        return (
            f"Only the file's name says that it is of feed {feed.name!r} ({feed.description.rstrip('.')}), but it has "
            f"a column {odd!r}, which no such list has. Is it your own list of who asked not to be called (--feed "
            f"internal_dnc)? {REMEDY}"
        )
    if any(means(header, feed.told_by) for header in headers):
        return None
    contacts = understand(headers, load_feed("contacts"), sample).mapping
    fields = {use.field.rpartition(".")[2] for use in contacts.uses}
    named = bool(fields & {"full_name", "first_name", "last_name", "organization", "contact_name"})
    of_numbers = feed.target == "dnc_registry" or (feed.fact is not None and feed.fact.contacts == ("phone",))
    if of_numbers:
        is_list_of_people = named or "line1" in fields
    else:
        is_list_of_people = named and "line1" in fields and bool(fields & {"phone", "email"})
    if not is_list_of_people:
        return None
    return (
        f"Only the file's name says that it is of feed {feed.name!r} ({feed.description.rstrip('.')}), but it has the "
        f"columns of a list of contacts, and none that only such a list has. {REMEDY}"
    )


def named(headers: Sequence[str]) -> str:
    """Headers for a message: the first ones, and how many more."""
    shown = ", ".join(repr(header[:60]) for header in headers[:_NAMED_AT_MOST])
    return shown + (f" and {len(headers) - _NAMED_AT_MOST} more" if len(headers) > _NAMED_AT_MOST else "")


def _turned(feed: Feed, understood: Understanding, earlier: Earlier | None) -> str | None:
    """Why the file is refused: a column that is something else than declared, or than it was."""
    for conflict in understood.conflicts:
        was = earlier.fields.get(conflict.header) if earlier else None
        if conflict.declared:
            before = f"feed {feed.name!r} declares it as {conflict.field}"
        elif earlier and was and kind_of(was[0]) == conflict.expected and was[1] >= _BORNE_OUT:
            before = f"it was {conflict.field} in import {earlier.import_id}"
        else:
            continue
        return _refused(conflict.header, before, conflict.expected, conflict.found, conflict.share)
    if earlier is None:
        return None
    for header, was_field, is_field, confidence in _changed(understood, earlier):
        was_kind, is_kind = kind_of(was_field), kind_of(is_field)
        if not is_generic(header) and was_kind and is_kind:
            return _refused(header, f"it was {was_field} in import {earlier.import_id}", was_kind, is_kind, confidence)
    return None


def _changed(understood: Understanding, earlier: Earlier) -> list[tuple[str, str, str, float]]:
    """Columns whose values were of one kind and now are of another: header, old and new field, confidence."""
    changed = []
    for use in understood.mapping.uses:
        for header in use.headers:
            was = earlier.fields.get(header)
            if (
                was is not None
                and use.how == "content"
                and min(was[1], use.confidence) >= _BORNE_OUT
                and kind_of(was[0]) != kind_of(use.field)
            ):
                changed.append((header, was[0], use.field, use.confidence))
    return changed


def _moved(understood: Understanding, earlier: Earlier) -> list[str]:
    return [
        f"Column {header!r} is {is_field}; it was {was_field} in import {earlier.import_id}"
        for header, was_field, is_field, _ in _changed(understood, earlier)
    ]


def _refused(header: str, before: str, expected: Kind, found: Kind, share: float) -> str:
    return (
        f"Column {header!r} should hold {_WORDS[expected]} ({before}), but hardly any of its values is one and "
        f"{share:.0%} are {_WORDS[found]}. Put the columns in order, or name another feed."
    )


def _contradiction(conflict: Conflict, understood: Understanding) -> str:
    taken = next((u.field for u in understood.mapping.uses if conflict.header in u.headers), None)
    outcome = f"taken as {taken}" if taken and taken != conflict.field else "left as it is"
    return (
        f"Column {conflict.header!r} should hold {_WORDS[conflict.expected]}, but {conflict.share:.0%} of its values "
        f"are {_WORDS[conflict.found]}: {outcome}"
    )


def _is_made_up(name: str) -> bool:
    """Whether a squashed header is one that stands for a blank."""
    return re.fullmatch(r"column\d+", name) is not None


def _same(header: str) -> str:
    return squash(header) or header
