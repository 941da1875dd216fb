"""The table of cases against the marts: the same answers as the function gives, at every instant and for every purpose.

dbt builds once; for each other instant the compiled SQL of what depends on it fills the same tables again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cm_core.compliance.facts import Lists
from cm_core.compliance.rule_book import load_rules
from cm_core.compliance.rules import Pause
from cm_core.compliance.verdicts import verdict
from cm_core.compliance.windows import windows
from cm_core.settings import Settings
from resources.dbt_project import state_dir
from tests.compliance_cases import Case, Placed, facts_of, lists_held, load_cases, load_into
from tests.integration.dbt.conftest import Build
from tests.integration.dbt.people import People

FIRST = datetime(2026, 3, 2, 18)
PURPOSE = "solicitation"
#: What depends on the instant or the purpose, each after what it reads.
DEPENDENT = [
    "int_rules_in_force", "int_area_judgements", "int_capped_touches", "int_frequency_findings",
    "int_phone_findings", "int_email_findings", "int_mail_findings", "int_lifted", "int_judgements", "compliance_call",
    "compliance_sms", "compliance_email", "compliance_mail",
]  # fmt: skip
#: A hash is known to who has the key, so not to SQL: imports and `cm scrub` refuse those contact points.
CASES = [case for case in load_cases() if not any(fact.get("of") == "hash" for fact in case.facts)]


def _literal(at: datetime) -> str:
    return f"cast('{at}' as datetime(6))"


class Marts:
    """The compiled models, filled for one instant and purpose after the other."""

    def __init__(self, people: People, folder: Path) -> None:
        self._people = people
        self._sql = {path.stem: path.read_text() for path in folder.rglob("*.sql")}
        self.filled_for: tuple[datetime, str] | None = None

    def depend_on_the_instant(self) -> set[str]:
        return {name for name, sql in self._sql.items() if _literal(FIRST) in sql}

    def fill(self, at: datetime, purpose: str) -> None:
        if self.filled_for == (at, purpose):
            return
        for name in DEPENDENT:
            columns = [row[0] for row in self._people.rows(f"show columns from {name}")]
            chosen = ", ".join(f"`{column}`" for column in columns)
            self._people.run(f"delete from {name}")
            self._people.run(
                f"insert into {name} ({chosen}) select {chosen} from ({self._of(name, at, purpose)}) as built"
            )
        self.filled_for = (at, purpose)

    def answer(self, placed: Placed) -> dict[str, Any]:
        """The row of the case: with calling hours where there are."""
        case = placed.case
        stored = self._row(f"select * from compliance_{case.channel}", placed)
        if case.channel not in ("call", "sms"):
            return stored
        self._people.run("set timestamp = %s", ((case.at - datetime(1970, 1, 1)) / timedelta(seconds=1),))
        now = self._row(self._of(f"compliance_{case.channel}_now", case.at, case.purpose), placed)
        return stored | {name: now[name] for name in ("verdict", "code", "reason_code")}

    def sql_of(self, name: str) -> str:
        """The compiled SQL of a model, for FIRST and PURPOSE."""
        return self._sql[name]

    def _of(self, name: str, at: datetime, purpose: str) -> str:
        return self._sql[name].replace(_literal(FIRST), _literal(at)).replace(f"'{PURPOSE}'", f"'{purpose}'")

    def _row(self, sql: str, placed: Placed) -> dict[str, Any]:
        sql = sql.replace("%", "%%")
        query = f"select * from ({sql}) as answers where entity_id = %s and contact_key = %s"
        rows = self._people.dictionaries(query, (placed.entity_id, placed.contact_key))
        assert len(rows) == 1, (placed, rows)
        return rows[0]


@pytest.fixture(scope="module")
def placed(people: People) -> dict[int, Placed]:
    return {each.case.number: each for each in load_into(people, CASES)}


@pytest.fixture(scope="module")
def marts(people: People, placed: dict[int, Placed], build: Build, settings: Settings) -> Iterator[Marts]:
    done = build("--vars", f"{{as_of: '{FIRST}', purpose: {PURPOSE}}}")
    assert done.returncode == 0, done.stdout[-4000:]
    _open_windows(people)
    yield Marts(people, state_dir(settings) / "target" / "compiled" / "cm" / "models")
    people.run("set timestamp = default")


def _open_windows(people: People) -> None:
    rules, found = load_rules(), defaultdict(set)
    places = [place for (place,) in people.rows("select distinct place from int_calling_places")]
    for at in {case.at for case in CASES}:
        for channel in ("call", "sms"):
            for place in places:
                found[place, channel] |= set(
                    windows(place, channel, at - timedelta(days=1), at + timedelta(days=1), rules)
                )
    rows = [(place, channel, *interval) for (place, channel), intervals in found.items() for interval in intervals]
    people.many("insert into calling_windows (places, channel, opens_at, closes_at) values (%s, %s, %s, %s)", rows)


def test_no_other_model_depends_on_the_instant(marts: Marts) -> None:
    not_asked = {"int_changed_entities", "int_reach", "priority_list", "compliance_risk", "crm_candidates"}
    assert marts.depend_on_the_instant() - not_asked == {name for name in DEPENDENT if not name.endswith("_findings")}


@pytest.mark.parametrize("case", sorted(CASES, key=lambda case: (case.at, case.purpose)), ids=lambda case: case.name)
def test_the_marts_answer_as_the_table_says(case: Case, marts: Marts, placed: dict[int, Placed]) -> None:
    marts.fill(case.at, case.purpose)
    found = marts.answer(placed[case.number])
    expected = case.expected
    assert (found["verdict"], found["code"], found["reason_code"]) == (
        expected.verdict,
        expected.code,
        expected.reason_code,
    ), found
    if expected.usable_from is not None and expected.reason_code != "calling_window":
        # The function waits for the calling hours after it, too.
        delay = expected.usable_from - found["usable_from"]
        assert timedelta() <= delay < timedelta(hours=16 if case.kind == "phone" else 0, microseconds=1)
    if expected.valid_until is not None and case.channel in ("email", "mail"):
        assert found["valid_until"] == expected.valid_until


def test_a_list_is_too_old_at_once_where_no_age_is_set_for_its_day(people: People, marts: Marts) -> None:
    held = "select count(*) from stg_dnc_area_coverage where source = 'national' and obtained_at < '2025-06-02'"
    found = marts.sql_of("int_area_findings")
    stale = f"select count(*) from ({found}) as found where reason_code = 'dnc_list_stale' and starts_at < '2025-06-02'"
    people.run("create temporary table terms_kept as select * from compliance_terms")
    try:
        people.run("delete from compliance_terms where term = 'dnc_list_max_age'")
        assert people.rows(stale) == people.rows(held)
    finally:
        people.run("delete from compliance_terms")
        people.run("insert into compliance_terms select * from terms_kept")
        people.run("drop temporary table terms_kept")


@pytest.fixture
def paused(marts: Marts, people: People) -> Iterator[Callable[[Pause], None]]:
    def pause(row: Pause) -> None:
        people.run(
            "insert into frequency_pauses (channel, campaign, state, starts_at, ends_at, reason) "
            "values (%s, %s, %s, %s, %s, %s)",
            (row.channel, row.campaign, row.state, row.starts_at, row.ends_at, row.reason),
        )
        marts.filled_for = None

    yield pause
    people.run("delete from frequency_pauses")
    marts.filled_for = None


@pytest.mark.parametrize(
    ("channel", "state", "name", "reason_code"),
    [
        (None, None, "a clean number may be called", "paused"),
        (None, None, "a clean postal address", "paused"),
        ("sms", None, "a clean number may be called", "no_rule_blocks"),
        ("call", "LA", "a number of Louisiana", "paused"),
        ("call", "OK", "a number of Louisiana", "paused"),
        ("call", "TX", "a number of Louisiana", "no_rule_blocks"),
        ("call", "LA", "a clean number may be called", "no_rule_blocks"),
        ("call", "LA", "homes in more states than a key holds", "paused"),
        ("call", "GU", "homes in more states than a key holds", "no_rule_blocks"),
        ("email", "LA", "a clean e-mail address", "paused"),  # may be anywhere
        ("email", "GU", "a clean e-mail address", "no_rule_blocks"),
    ],
)
def test_pauses_hold_as_the_function_says(
    marts: Marts,
    placed: dict[int, Placed],
    paused: Callable[[Pause], None],
    channel: str | None,
    state: str | None,
    name: str,
    reason_code: str,
) -> None:
    (case,) = (case for case in CASES if case.values["case"] == name)
    pause = Pause(channel, None, state, case.at - timedelta(days=1), None, "Storm")
    paused(pause)
    rules = replace(load_rules(), pauses=(pause,))
    said = verdict(case.contact(), case.channel, case.purpose, case.at, facts_of(case, Lists(lists_held(CASES))), rules)
    marts.fill(case.at, case.purpose)
    assert (marts.answer(placed[case.number])["reason_code"], said.reason_code) == (reason_code, reason_code)
