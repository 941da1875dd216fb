"""A run on what is new and changed comes to what a run over everything does, in the base and in MySQL."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cm_core import linkage
from cm_core.errors import LinkageError
from cm_core.linkage import decisions, pairs
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.changes import noted
from tests.integration.linkage.people import HEADER, ask, bring_in, load, row

#: What does not go by the order in which imports were met.
_TABLES = {
    "owned": "select i.import_id, (o.row_id & 1099511627775) as row_no, o.person_id from owned as o "
    "inner join imports as i on o.row_id >> 40 = i.import_no",
    "row_facts": "select i.import_id, (f.row_id & 1099511627775) as row_no, f.* exclude (row_id) from row_facts as f "
    "inner join imports as i on f.row_id >> 40 = i.import_no",
    **{
        name: f"from {name}"
        for name in (
            "shared_contacts", "identifier_types", "person_identifiers", "decisions", "exact_components", "records",
            "legal_records", "block_keys", "hot_blocks", "scored_pairs", "legal_pairs", "evidence", "doubts",
        )
    },
}  # fmt: skip
_WRITTEN = {
    "persons": "select id, entity_id, is_original from persons",
    "person_duplicates": "select original_id, duplicate_id, match_score, match_reason, match_tier, match_probability "
    "from person_duplicates",
    "review_queue": "select person_id, other_id, cause, match_probability, match_score, match_reason from review_queue",
    "households": "select entity_id, household_id, reason from households",
}


def base(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(settings.home / "lake" / "linkage" / "base.duckdb"), read_only=True) as con:
        return {name: sorted(con.execute(query).fetchall(), key=repr) for name, query in _TABLES.items()}


def written(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted(ask(database, query), key=repr) for name, query in _WRITTEN.items()}


def require_same_as_in_full(settings: Settings, database: Database) -> None:
    """A run over everything changes nothing: neither in the base nor in MySQL."""
    known, said = base(settings), written(database)
    with noted(database):
        again = linkage.run(settings, database, full=True)
    for name, rows in base(settings).items():
        assert rows == known[name], name
    assert written(database) == said
    assert (again.linked, again.unlinked, again.rescored, again.persons_changed, again.split) == (0, 0, 0, 0, 0)


GIVEN = ("Walter", "Walt", "Gertrude", "Gertrud", "W", "Otto", "")
SURNAMES = ("Hollingsworth", "Hollingswroth", "Vandermeer", "Quackenbush", "Abernathy", "")
PLACES = (
    ("1098 Shepard Hills Rd", "Sulphur", "OK", "73086"), ("12 Elm St", "Tulsa", "OK", "74101"),
    ("12 Elm St", "Tulsa", "OK", "74110"), ("77 Oak Ave", "Norman", "OK", "73069"), ("", "", "", ""),
)  # fmt: skip
BORN = ("", "", "1950-02-03", "1950-03-02", "1981-11-30")


def dense_list(path: Path, chance: random.Random, rows: int = 22, *, most_contacts: int = 2) -> Path:
    """A list of few names, places, phones, addresses and numbers in every combination: everybody meets everybody."""

    def somebody() -> list[str]:
        cells = row(
            chance.choice(GIVEN), chance.choice(SURNAMES), place=chance.choice(PLACES), born=chance.choice(BORN),
            suffix=chance.choice(("", "", "Jr")),
            phone=chance.choice(("", "", "405-232-9700", "405-232-9701", "918-584-0202")),
            email=chance.choice(("", "", "w@example.org", "otto@example.org", "home@example.org")),
            updated=f"202{chance.randrange(6)}-01-01",
        )  # fmt: skip
        number = chance.choice(("", "", "", "7000001", "7000012", "7000123"))
        if chance.random() < 0.15:
            cells = (*cells[:3], chance.choice(("Red River Minerals LLC", "Red River Mineral LLC")), *cells[4:])
        if most_contacts == 1:
            return [*cells, number]
        others = ("", "", "", "405-232-9701"), ("", "", "", "w@example.org")
        return [*cells, number, *(chance.choice(other) for other in others)]

    with path.open("w", newline="", encoding="utf-8") as out:
        header = [*HEADER, "Voter ID", "Phone 2", "Email 2"][: len(HEADER) + 2 * most_contacts - 1]
        csv.writer(out).writerows([header, *(somebody() for _ in range(rows))])
    return path


@pytest.mark.parametrize(
    ("seed", "days"), [(11, 3), *(pytest.param(seed, 4, marks=pytest.mark.soak) for seed in range(11, 30))]
)
def test_runs_after_each_import_come_to_what_one_over_everything_does(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, days: int
) -> None:
    # Small caps and few surnames to a contact: both are passed again and again.
    for rule in pairs.CAPS:
        monkeypatch.setitem(pairs.CAPS, rule, 6)
    settings = settings.model_copy(update={"shared_contact_max_surnames": 3})
    chance = random.Random(seed)
    for day in range(days):
        with noted(database):
            bring_in(settings, database, dense_list(tmp_path / f"{day}.csv", chance), day)
        if day == 1:
            one, other, third = chance.sample([number for (number,) in ask(database, "select id from persons")], 3)
            decisions.decide(database, "same", one, other)
            decisions.decide(database, "different", one, third)
        if day == 2:
            decisions.undo(database, 1)
        with noted(database):
            linkage.run(settings, database)
    require_same_as_in_full(settings, database)


def test_only_what_is_new_and_whom_it_meets_is_looked_at(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    others = [row("Otto", f"Vandermeer{'abcdefgh'[n]}", place=(f"{n} Elm St", "Tulsa", "OK", f"7410{n}")) for n in range(8)]  # fmt: skip # noqa: E501
    load(settings, database, tmp_path / "a.csv", [row("Gertrude", "Hollingsworth"), *others])
    first = linkage.find_pairs(settings, database)
    assert (first.changed_rows, first.touched, first.persons) == (9, 9, 9)
    load(settings, database, tmp_path / "b.csv", [row("Gertrude", "Hollingswroth")], day=2)
    second = linkage.find_pairs(settings, database)
    assert (second.changed_rows, second.touched, second.persons) == (1, 1, 10)
    assert (second.scored, second.linked) == (1, 1)
    third = linkage.find_pairs(settings, database)
    assert (third.changed_rows, third.touched, third.scored, third.linked) == (0, 0, 0, 1)
    linkage.write_duplicates(settings, database)
    require_same_as_in_full(settings, database)


def test_a_run_that_fails_leaves_the_base_as_it_was(settings: Settings, database: Database, tmp_path: Path) -> None:
    load(settings, database, tmp_path / "a.csv", [row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth")])
    linkage.run(settings, database)
    known = base(settings)
    load(settings, database, tmp_path / "b.csv", [row("Gertrud", "Hollingsworth"), row("Otto", "Vandermeer")], day=2)
    with pytest.raises(LinkageError, match="CM_MAX_PAIRS"):
        linkage.run(settings.model_copy(update={"max_pairs": 0}), database)
    assert base(settings) == known
    linkage.run(settings, database)
    require_same_as_in_full(settings, database)


def test_other_rules_begin_with_an_empty_base(settings: Settings, database: Database, tmp_path: Path) -> None:
    load(settings, database, tmp_path / "a.csv", [row("Gertrude", "Hollingsworth"), row("Otto", "Vandermeer")])
    linkage.find_pairs(settings, database)
    strict = settings.model_copy(update={"shared_contact_max_surnames": 1})
    assert linkage.find_pairs(strict, database).changed_rows == 2
    assert linkage.find_pairs(strict, database).changed_rows == 0


def test_a_lost_base_is_made_again(settings: Settings, database: Database, tmp_path: Path) -> None:
    load(settings, database, tmp_path / "a.csv", [row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth")])
    linkage.run(settings, database)
    (settings.home / "lake" / "linkage" / "base.duckdb").unlink()
    again = linkage.run(settings, database)
    assert (again.linked, again.unlinked, again.rescored, again.persons_changed) == (0, 0, 0, 0)
    require_same_as_in_full(settings, database)


def test_only_clusters_that_may_have_changed_are_written(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    pair = [row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth")]
    other = [row("Otto", "Vandermeer", place=PLACES[1]), row("Otto", "Vandermere", place=PLACES[1])]
    load(settings, database, tmp_path / "a.csv", [*pair, *other])
    assert linkage.run(settings, database).looked_at == 4
    assert linkage.run(settings, database).looked_at == 0
    load(settings, database, tmp_path / "b.csv", [row("Otto", "Vandermeeer", place=PLACES[1])], day=2)
    result = linkage.run(settings, database)
    assert (result.looked_at, result.duplicates, result.clusters) == (3, 3, 2)
    assert ask(database, "select persons, looked_at, is_full from linkage_runs order by id") == [
        (4, 4, 1), (4, 0, 0), (5, 3, 0),
    ]  # fmt: skip
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("update persons set is_manually_verified = 1 where last_name = 'Hollingswroth'")
        connection.commit()
    assert linkage.run(settings, database).looked_at == 2
    assert ask(database, "select last_name from persons where is_original and last_name like 'H%'") == [
        ("Hollingswroth",)
    ]
    require_same_as_in_full(settings, database)


def test_a_database_that_was_restored_is_compared_as_a_whole(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    load(settings, database, tmp_path / "a.csv", [row("Gertrude", "Hollingsworth")])
    linkage.run(settings, database)
    load(settings, database, tmp_path / "b.csv", [row("Gertrude", "Hollingswroth")], day=2)
    linkage.run(settings, database)
    said = written(database)
    with database.connect() as connection, connection.cursor() as cursor:  # as of the first run
        cursor.execute(
            "delete from linkage_runs where id = (select id from (select max(id) as id from linkage_runs) r)"
        )
        for table in ("person_duplicates", "entity_successors"):
            cursor.execute(f"delete from {table}")
        cursor.execute("update persons set entity_id = id, is_original = 1")
        connection.commit()
    result = linkage.run(settings, database)
    assert (result.linked, result.looked_at) == (1, 2)
    assert {name: len(rows) for name, rows in written(database).items()} == {k: len(v) for k, v in said.items()}
    require_same_as_in_full(settings, database)


def test_a_first_run_that_takes_persons_apart_builds_records_of_them_as_they_are_then(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    settings = settings.model_copy(update={"shared_contact_max_surnames": 2})
    chance = random.Random(5)
    for day in range(3):
        bring_in(settings, database, dense_list(tmp_path / f"{day}.csv", chance, most_contacts=1), day)
    assert linkage.run(settings, database).split > 0
    require_same_as_in_full(settings, database)
