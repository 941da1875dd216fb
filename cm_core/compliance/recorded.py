"""All that is recorded of a contact point or a person: opt-outs and facts, with where they come from. For people.

What follows from it, at which moment and for which purpose, is not here.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any

from cm_core.compliance import reach
from cm_core.compliance.by_hand import plain
from cm_core.compliance.subjects import Subject, golden_of
from cm_core.imports.records import now
from cm_core.store.database import Database


@dataclass(frozen=True)
class Recorded:
    """Rows of `opt_outs` and `contact_facts`, oldest first.

    `itself` in a row says whether it names the subject; otherwise it names a person who is behind it, or another
    contact point of theirs. `opted_out` are the channels that requests stop at the subject now.
    """

    subject: Subject
    holders: list[tuple[int, int, str | None]]
    opted_out: list[str]
    opt_outs: list[dict[str, Any]]
    facts: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """For `--json`; times in ISO form, UTC."""
        return {
            "kind": self.subject.kind, "key": self.subject.key, "opted_out": self.opted_out,
            "holders": [{"entity_id": e, "person_id": p, "name": name} for e, p, name in self.holders],
            "opt_outs": self.opt_outs, "facts": self.facts,
        }  # fmt: skip


def recorded_of(database: Database, subject: Subject) -> Recorded:
    """What is recorded of the subject, of whoever is behind it, and of their contact points."""
    with closing(database.connect()) as connection:
        points = reach.points_of(connection, subject)
        opt_outs = [plain(row) for row in reach.opt_outs_of(connection, points)]
        facts = [plain(row) for row in reach.facts_of(connection, points)]
        opted_out = reach.opted_out(connection, subject, now())
    column = reach.COLUMN.get(subject.kind, "person_id")
    for row in opt_outs:
        row["itself"] = str(row.get(column)) == subject.key
    for row in facts:
        row["itself"] = (row["contact_kind"], row["contact_key"]) == (subject.kind, subject.key) or (
            subject.kind == "person" and str(row.get("person_id")) == subject.key
        )
    return Recorded(subject, golden_of(database, subject), opted_out, opt_outs, facts)
