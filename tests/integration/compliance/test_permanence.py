"""Whatever happens afterwards, what was asked and what is known stays as it was written."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cm_core import linkage
from cm_core.compliance import by_hand, privacy, suspicions
from cm_core.compliance.subjects import Subject
from cm_core.errors import LinkageError, UsageError
from cm_core.linkage import decisions
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.changes import noted
from tests.integration.imports.steps import column, import_file, query, run

checked = hypothesis_settings(
    max_examples=1,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PHONES = ("405-232-9700", "405-232-9701", "580-467-2744", "")
EMAILS = ("a@example.org", "b@example.org", "")
FIRST, LAST, ZIPS = ("Robert", "Rob", "Mary", ""), ("Smith", "Smyth", "Jones", "Adams"), ("73086", "73070", "")
DAYS = ("2026-01-05", "2026-02-01", "2026-03-01")
#: What a list of each kind says in a row, by header.
COLUMNS: dict[str, dict[str, Sequence[str]]] = {
    "people": {"first name": FIRST, "last name": LAST, "phone": PHONES, "email": EMAILS, "zip": ZIPS, "updated": DAYS},
    "opt_outs": {
        "phone": PHONES, "email": EMAILS, "first name": FIRST, "last name": LAST, "zip": ZIPS,
        "channel": ("call", "sms", "all", "smoke"), "date": DAYS,
    },
    "consents": {"phone": PHONES, "channel": ("call", "sms"), "given at": DAYS, "revoked": ("", "", "2026-03-02")},
    "rnd_answers": {"phone": PHONES, "answer": ("yes", "no", ""), "date": DAYS},
    "litigators": {"phone": PHONES},
    "dnc": {"phone": PHONES},
    "sms_log": {
        "direction": ("inbound", "outbound"), "from": PHONES, "to": PHONES, "date": DAYS,
        "message": ("STOP", "start", "leave me alone", "hello"), "status": ("", "sent", "opted out"),
    },
}  # fmt: skip


def _file(kind: str) -> st.SearchStrategy[tuple[Any, ...]]:
    row = st.tuples(*(st.sampled_from(values) for values in COLUMNS[kind].values()))
    return st.tuples(st.just("import"), st.just(kind), st.lists(row, min_size=1, max_size=6))


anything = st.integers(0, 1000)
actions = st.one_of(
    *(_file(kind) for kind in COLUMNS),
    _file("people"),
    st.tuples(st.just("replay"), anything),
    st.tuples(st.just("dedupe")),
    st.tuples(st.sampled_from(("same", "different")), anything, anything),
    st.tuples(st.just("undo"), anything),
    st.tuples(
        st.sampled_from(("suppress", "reconsent")), st.sampled_from(PHONES[:3]), st.sampled_from(("call", "all"))
    ),
    st.tuples(st.sampled_from(("confirm", "dismiss"))),
    st.tuples(st.just("forget"), st.sampled_from(PHONES[:3])),
)
_START = [("import", "opt_outs", [("405-232-9700", "", "", "", "", "all", "2026-01-05")])]


def _subject(phone: str) -> Subject:
    return Subject("phone", f"+1{phone.replace('-', '')}")


class _World:
    """A database, and how each action changes it."""

    def __init__(self, settings: Settings, database: Database, folder: Path) -> None:
        self._settings, self._database, self._folder = settings, database, folder
        self._files = 0

    def do(self, action: tuple[Any, ...]) -> None:
        name, *given = action
        if name == "import":
            self._import(*given)
        elif name == "replay" and (
            done := self._ids("select import_id from import_metadata where status = 'COMPLETE'")
        ):
            run(self._settings, self._database, done[given[0] % len(done)])
        elif name == "dedupe":
            linkage.run(self._settings, self._database)
        elif name in ("same", "different"):
            self._decide(name, *given)
        elif name == "undo" and (made := self._ids("select id from review_decisions where undone_at is null")):
            decisions.undo(self._database, made[given[0] % len(made)])
        elif name in ("suppress", "reconsent"):
            self._by_hand(name, *given)
        elif name == "forget":
            self._forget(*given)
        elif name in ("confirm", "dismiss"):
            waiting, _ = suspicions.waiting(self._database, 100)
            if ids := [one.id for one in waiting]:
                decide = {"confirm": suspicions.confirm, "dismiss": suspicions.dismiss}[name]
                decide(self._database, ids, reason="looked at")

    def _import(self, kind: str, rows: Sequence[Sequence[str]]) -> None:
        self._files += 1
        path = self._folder / f"{kind}_{self._files}.csv"
        with path.open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows([list(COLUMNS[kind]), *rows])
        os.utime(path, (1_772_323_200 + self._files * 86_400,) * 2)
        assert import_file(self._settings, self._database, path).status in ("COMPLETE", "DUPLICATE")

    def _decide(self, name: Any, one: int, other: int) -> None:
        persons = self._ids("select id from persons order by id")
        if len(persons) > 1 and one % len(persons) != other % len(persons):
            try:
                decisions.decide(self._database, name, persons[one % len(persons)], persons[other % len(persons)])
            except LinkageError:  # the contrary was decided before
                return
            linkage.run(self._settings, self._database)

    def _forget(self, phone: str) -> None:
        with suppress(UsageError):  # several people's
            privacy.forget(self._settings, self._database, _subject(phone), reason="asked")

    def _by_hand(self, name: str, phone: str, channel: Any) -> None:
        subject = _subject(phone)
        try:
            {"suppress": by_hand.suppress, "reconsent": by_hand.reconsent}[name](
                self._database, subject, channel, reason="said so"
            )
        except UsageError:  # nothing to lift
            assert name == "reconsent"

    def _ids(self, statement: str) -> list[Any]:
        return column(self._database, statement)


def _recorded(database: Database) -> dict[str, dict[int, tuple[Any, ...]]]:
    return {
        table: {row[0]: row for row in query(database, f"select * from {table}")}
        for table in ("opt_outs", "contact_facts")
    }


@checked
@given(sequence=st.lists(actions, min_size=8, max_size=8))
def test_no_sequence_of_events_changes_what_was_recorded(
    sequence: list[tuple[Any, ...]],
    make_settings: Callable[..., Settings],
    make_database: Callable[..., Database],
) -> None:
    database = make_database()
    with tempfile.TemporaryDirectory() as folder:
        world = _World(make_settings(database=database, bulk_rows=0), database, Path(folder))
        for action in [*_START, *sequence]:
            before = _recorded(database)
            with noted(database):
                world.do(action)
            after = _recorded(database)
            for table, rows in before.items():
                assert {number: after[table].get(number) for number in rows} == rows, (table, action)


@pytest.mark.soak
@hypothesis_settings(parent=checked, max_examples=40)
@given(sequence=st.lists(actions, min_size=12, max_size=20))
def test_no_sequence_of_events_changes_what_was_recorded_long(
    sequence: list[tuple[Any, ...]],
    make_settings: Callable[..., Settings],
    make_database: Callable[..., Database],
) -> None:
    test_no_sequence_of_events_changes_what_was_recorded.hypothesis.inner_test(sequence, make_settings, make_database)
