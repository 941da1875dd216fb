"""`cm explain`: state, rule, tier, score and every comparison, by what dedupe itself decided and stored."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import SecretStr

from cm_core import linkage
from cm_core.cli import people
from cm_core.errors import CmError, LinkageError, PersonError
from cm_core.linkage import decisions, pairs
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.linkage.people import ask, load, row

_ELSEWHERE = ("77 Elm St", "Norman", "OK", "73069")
_NOWHERE = ("",) * 4


def ids(database: Database) -> list[int]:
    return [found[0] for found in ask(database, "select id from persons order by id")]


def at(number: int) -> tuple[str, str, str, str]:
    """A place that no other family of FAMILIES lives at."""
    return (f"{number} Oak St", "Tulsa", "OK", f"{74100 + number}")


#: Families that have nothing in common: one import and one dedupe do for all tests that only look at one of them.
FAMILIES = {
    "misspelt": (
        row("Gertrude", "Hollingsworth", phone="405-232-9700"), row("Gertrude", "Hollingswroth", phone="405-232-9711"),
    ),
    "nameless": (row("Chester", "Crutchfield", place=at(1)), row("", "", email="someone@example.org", place=at(2))),
    "given_names": (row("Mark", "Abernathy", place=at(3)), row("Mary", "Abernathy", place=at(3))),
    "generations": (
        row("Walter", "Blankenship", suffix="Sr", place=at(4)), row("Walter", "Blankenship", suffix="Jr", place=at(4)),
    ),
    "no_block": (row("Lucille", "Dillingham", place=at(5)), row("Otto", "Vandermeer", place=at(6))),
    "threshold": (row("Phyllis", "Eisenhauer", place=at(7)), row("Phyllis", "Eisenhauer", place=at(8))),
    "refused": (
        row("Vernon", "Fitzgerald", suffix="Jr", phone="405-232-9722", place=at(9)),
        row("Vernon", "Fitzgerald", phone="405-232-9722", place=at(9)),
    ),
    "firms": (
        row("", "", company="Red River Minerals LLC", place=at(10)),
        row("", "", company="Red River Mineral LLC", place=at(10)),
        row("", "", company="Blue Sky Royalty LP", place=at(10)),
    ),
    "linked": (
        row("Geraldine", "Hawthornwaite", born="1950-02-03", phone="405-232-9733", place=at(11)),
        row("Geraldine", "Hawthornwiate", born="1950-02-03", phone="405-232-9734", place=at(11), updated="2025-06-01"),
    ),
    # Many of one rare surname make it common.
    "surnames": (
        row("Bertha", "Quackenbush", born="1950-02-03", place=at(12)),
        row("Berth", "Quackenbush", born="1950-02-03", place=at(13), updated="2025-06-01"),
        *(
            row(name, "Quackenbush", place=(f"{n} Oak St", "Enid", "OK", "73701")) for n, name in enumerate(
            ("Otto", "Walter", "Mabel", "Clara", "Henry", "Ruth", "Edith", "Frank", "Alma", "Irene", "Louis", "Ida"), 1)
        ),
    ),
    "initial": tuple(
        row(name, "Prendergast", phone="405-232-9744", place=at(14)) for name in ("J", "James", "Jane")
    ),
    # One without a birthday fits two whose birthdays differ: it goes with one of them, the other stays apart.
    "contradiction": (
        row("Henrietta", "Throckmorton", born="1950-02-03", place=at(15)),
        row("Henrietta", "Throckmroton", place=at(15)),
        row("Henrietta", "Throckmotron", born="1981-11-27", place=at(15)),
    ),
    "too_common": tuple(
        row("Josephine", name, phone="405-232-9755", place=(f"{number} Oak St", "Enid", "OK", f"7370{number}"))
        for number, name in enumerate(
            ("Smith", "Jones", "Winterbottom", "Ramsbottom", "Lindqvist", "Postlethwaite", "Satterthwaite"), 1
        )
    ),
    # JOINING joins the first two of each: it attaches to the one with the e-mail address, the other has the phone.
    "exact_key": (
        row("Wilhelmina", "Featherstone", email="w@example.org", place=at(16)),
        row("Mina", "Cholmondeley", phone="405-232-9766", place=at(17)),
    ),
    "component": (
        row("Theodora", "Wolverhampton", email="t@example.org", place=at(18)),
        row("Theodora", "Wolverhampton", phone="405-232-9777", place=_NOWHERE),
        row("Theodora", "Wolverhmapton", place=at(18)),
    ),
}  # fmt: skip
JOINING = (
    row("Mina", "Cholmondeley", email="w@example.org", phone="405-232-9766", place=_NOWHERE),
    row("Theodora", "Wolverhampton", email="t@example.org", phone="405-232-9777", place=_NOWHERE),
)
#: Humans with a name, those whom an exact key joins counted once.
RECORDS = sum(bool(cells[0]) for family in FAMILIES.values() for cells in family) - len(JOINING)


@dataclass(frozen=True)
class Told:
    """The base of FAMILIES after a dedupe; persons of each family, in the order of its rows. To be looked at only."""

    settings: Settings
    database: Database
    of: dict[str, list[int]]
    before: linkage.Explanation
    """Of the two of `exact_key`, before the dedupe."""

    def explain(self, family: str, one: int = 0, other: int = 1) -> linkage.Explanation:
        """Two of a family."""
        return linkage.explain(self.settings, self.database, self.of[family][one], self.of[family][other])


@pytest.fixture(scope="module")
def told(_mariadb_databases: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    database = _mariadb_databases.make()
    settings = Settings(
        home=tmp_path_factory.mktemp("told"), database_url=SecretStr(database.url_text(hide_password=False))
    )
    rows = [found for family in FAMILIES.values() for found in family]
    load(settings, database, settings.home_dir / "a.csv", rows)
    load(settings, database, settings.home_dir / "b.csv", JOINING)
    left = iter(ids(database))
    of = {name: list(islice(left, len(family))) for name, family in FAMILIES.items()}
    assert next(left, None) is None
    before = linkage.explain(settings, database, *of["exact_key"])
    linkage.run(settings, database)
    yield Told(settings, database, of, before)
    _mariadb_databases.drop(database)


def prepared(settings: Settings, database: Database, tmp_path: Path, *rows: tuple[str, ...]) -> list[int]:
    """Persons of the rows, in their order, after a dedupe."""
    load(settings, database, tmp_path / "a.csv", rows)
    linkage.run(settings, database)
    return ids(database)


def bits(found: linkage.Explanation) -> dict[str, tuple[str, float]]:
    assert found.model is not None
    return {said.comparison: (said.words, said.bits) for said in found.model.contributions}


def test_a_linked_pair_is_explained_by_the_bits_that_dedupe_went_by(told: Told) -> None:
    one, other = told.of["linked"]
    found = told.explain("linked")
    document = found.as_json()
    assert set(document) == {
        "persons", "are_one", "golden_person_id", "decided_by", "reason", "evidence", "model", "stored_probability",
        "common_keys", "too_common",
    }  # fmt: skip
    assert (document["are_one"], document["golden_person_id"], document["decided_by"]) == (True, other, "linked")
    assert [person["current_status"] for person in document["persons"]] == ["duplicate", "golden_record"]
    assert [person["name"] for person in document["persons"]] == ["Geraldine Hawthornwaite", "Geraldine Hawthornwiate"]
    assert document["evidence"] == {
        "tier": 3,
        "score": 20,
        "parts": {"email": 0, "phone": 0, "name": 10, "zip": 10},
        "reason": "like name, same address",
    }
    said = bits(found)
    assert {name: words for name, (words, _) in said.items()} == {
        "first_name": "same given name",
        "last_name": "surname: misspelt",
        "middle": "middle initial not known of both",
        "generation": "generation not known of both",
        "dob": "same date of birth",
        "place": "same address",
        "phone": "another phone",
        "email": "e-mail not known of both",
    } or said["first_name"][0].startswith("same given name, a rare one")
    for name in ("first_name", "last_name", "dob", "place"):
        assert said[name][1] > 0, name
    assert said["phone"][1] < 0
    assert [said[name][1] for name in ("middle", "generation", "email")] == [0, 0, 0]

    model = found.model
    assert model is not None
    total = model.prior_bits + sum(item.bits for item in model.contributions)
    assert total == pytest.approx(model.bits, abs=1e-9)
    (stored,) = ask(
        told.database,
        "select match_probability, match_score, match_tier, match_reason from person_duplicates "
        f"where original_id = {other} and duplicate_id = {one}",
    )
    assert 1 / (1 + 2**-total) == pytest.approx(float(stored[0]), abs=1e-8)
    assert model.probability == pytest.approx(found.stored_probability, abs=1e-12)
    assert found.evidence is not None
    assert (found.evidence.score, found.evidence.tier, found.evidence.reason) == stored[1:]
    assert model.prior_bits == pytest.approx(math.log2(1e-5 / (1 - 1e-5)))
    assert model.has_base
    assert model.base_records == RECORDS
    phone = document["model"]["contributions"][6]
    assert phone["in_words"] == f"another phone {said['phone'][1]:+.1f}"
    assert phone["values"] == ["['+14052329733']", "['+14052329734']"]


def test_the_order_of_the_two_changes_nothing_but_the_sides(told: Told) -> None:
    one, other = told.of["misspelt"]
    there = linkage.explain(told.settings, told.database, one, other)
    back = linkage.explain(told.settings, told.database, other, one)
    assert there.model is not None
    assert back.model is not None
    assert there.model.probability == back.model.probability
    assert [c.values for c in there.model.contributions] == [c.values[::-1] for c in back.model.contributions]
    assert there.evidence == back.evidence


def test_frequencies_are_those_of_everybody(told: Told) -> None:
    """Many of one rare surname make it common: what dedupe stored is explained only with the counts of all records."""
    found = told.explain("surnames")
    assert found.model is not None
    assert found.model.base_records == RECORDS
    assert found.stored_probability is not None
    assert found.model.probability == pytest.approx(found.stored_probability, abs=1e-12)
    surname = next(item for item in found.model.contributions if item.comparison == "last_name")
    assert surname.rarity_bits is not None


def test_exact_keys_are_named(told: Told) -> None:
    one, other = told.of["exact_key"]
    assert (told.before.are_one, told.before.reason.code) == (False, "not_yet")
    assert "phone +14052329766" in told.before.reason.words
    found = told.explain("exact_key")
    assert (found.are_one, found.reason.code) == (True, "exact_key")
    assert found.common_keys == [{"kind": "phone", "key": "+14052329766"}]
    assert found.model is not None
    assert found.model.compared == [[one], [other]]
    assert bits(found)["phone"][1] > 5


def test_those_whom_exact_keys_join_are_compared_together(told: Told) -> None:
    """What dedupe stored for two components is explained from either of their persons."""
    one, joined, other = told.of["component"]
    found = told.explain("component", 1, 2)
    assert found.model is not None
    assert found.model.compared == [[one, joined], [other]]
    assert found.stored_probability is not None
    assert found.model.probability == pytest.approx(found.stored_probability, abs=1e-12)
    # The person itself has no address: what joins it to the other is not its own.
    assert bits(found)["place"][0] == "same address"
    assert found.evidence is not None
    assert "address" not in found.evidence.reason


def test_somebody_without_a_name_is_joined_by_keys_alone(told: Told) -> None:
    found = linkage.explain(told.settings, told.database, *told.of["nameless"])
    assert (found.are_one, found.reason.code, found.model) == (False, "no_name", None)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("given_names", "given names clash"),
        ("generations", "two generations"),
        ("no_block", "never compared"),
        ("threshold", "is below 0.9"),
        ("refused", "generation (JR, SR, II ...) on one side"),
    ],
)
def test_the_rule_that_keeps_two_apart_is_named(told: Told, code: str, words: str) -> None:
    found = linkage.explain(told.settings, told.database, *told.of[code])
    assert (found.are_one, found.reason.code) == (False, code)
    assert words in found.reason.words
    assert found.as_json()["golden_person_id"] is None
    assert found.stored_probability is None
    assert found.model is not None


def test_an_initial_that_fits_two_is_named(told: Told) -> None:
    found = told.explain("initial")
    assert (found.are_one, found.reason.code) == (False, "initial")
    assert bits(found)["first_name"][0] == "given name: initial"


def test_a_contradiction_in_clustering_names_the_two_people(told: Told) -> None:
    first, second, third = told.of["contradiction"]
    entities = f"select count(distinct entity_id) from persons where id in ({first}, {second}, {third})"
    assert ask(told.database, entities) == [(2,)]
    found = [told.explain("contradiction", *both) for both in ((0, 1), (1, 2), (0, 2))]
    assert sorted(item.reason.code for item in found[:2]) == ["contradiction", "linked"]
    assert all(item.stored_probability is not None for item in found[:2])
    (refused,) = [item for item in found if item.reason.code == "contradiction"]
    assert "refused in clustering" in refused.reason.words
    ways = (f"persons {first} and {third} cannot be one", f"persons {third} and {first} cannot be one")
    assert any(way in refused.reason.words for way in ways)
    assert found[2].reason.code == "refused"
    assert "birthdays that are no slip of each other" in found[2].reason.words


def test_blocks_that_are_too_large_are_named(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rule in pairs.CAPS:
        monkeypatch.setitem(pairs.CAPS, rule, 2)
    one, other, _ = prepared(
        settings, database, tmp_path,
        row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth"), row("Otto", "Hollingsworth"),
    )  # fmt: skip
    found = linkage.explain(settings, database, one, other)
    assert (found.are_one, found.reason.code) == (False, "hot_blocks")
    assert found.reason.words == (
        "Apart: never compared; too many records share address S|1098||SHEPARD HILLS|RD||73086, house number and ZIP "
        "1098|73086."
    )


def test_decisions_come_first(settings: Settings, database: Database, tmp_path: Path) -> None:
    one, other, stranger = prepared(
        settings, database, tmp_path,
        row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth"), row("Otto", "Vandermeer", place=_ELSEWHERE),
    )  # fmt: skip
    decisions.decide(database, "different", one, other)
    decisions.decide(database, "same", one, stranger)
    still = linkage.explain(settings, database, one, other)
    assert (still.are_one, still.reason.code) == (True, "not_yet")
    assert f"{one} and {other} are different" in still.reason.words
    assert linkage.explain(settings, database, one, stranger).reason.code == "not_yet"
    linkage.run(settings, database)
    apart = linkage.explain(settings, database, one, other)
    assert (apart.are_one, apart.reason.code) == (False, "decided")
    assert apart.model is not None
    # Not named by a decision themselves: the cluster of the stranger is.
    through = linkage.explain(settings, database, stranger, other)
    assert (through.are_one, through.reason.code) == (False, "decided")
    together = linkage.explain(settings, database, one, stranger)
    assert (together.are_one, together.reason.code) == (True, "decided")


def test_a_contact_that_is_too_common_does_not_count(told: Told) -> None:
    found = told.explain("too_common")
    assert found.are_one is False
    assert found.too_common == [{"kind": "phone", "key": "+14052329755", "surnames": 7}]
    assert bits(found)["phone"] == ("phone not known of both", 0)
    assert found.evidence is not None
    assert found.evidence.parts["phone"] == 0


def test_organisations_are_explained_by_rules(told: Told) -> None:
    one, other, stranger = told.of["firms"]
    found = linkage.explain(told.settings, told.database, one, other)
    assert (found.are_one, found.reason.code, found.model) == (True, "linked", None)
    assert found.evidence is not None
    assert "same address" in found.evidence.reason
    apart = linkage.explain(told.settings, told.database, one, stranger)
    assert (apart.are_one, apart.reason.code) == (False, "names")


def test_before_any_dedupe_frequencies_are_said_to_be_the_census_s(
    settings: Settings, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load(settings, database, tmp_path / "a.csv", [row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth")])
    one, other = ids(database)
    found = linkage.explain(settings, database, one, other)
    assert (found.are_one, found.reason.code) == (False, "not_yet")
    assert found.model is not None
    assert not found.model.has_base
    people.explain(settings, database, one, other, chart=None, as_json=False)
    assert "the census alone: there was no dedupe yet" in capsys.readouterr().out
    linkage.run(settings, database)
    again = linkage.explain(settings, database, one, other)
    assert again.model is not None
    assert again.model.probability == pytest.approx(found.model.probability, abs=1e-6)


def test_what_people_are_shown_and_the_chart_loads_nothing(
    told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, database, (one, other) = told.settings, told.database, told.of["misspelt"]
    page = tmp_path / "chart.html"
    people.explain(settings, database, one, other, chart=page, as_json=False)
    shown = capsys.readouterr().out
    for words in ("One: the last dedupe linked them", "same address", "another phone", "before looking (prior)", "zip 10"):  # fmt: skip # noqa: E501
        assert words in shown, words
    text = page.read_text(encoding="utf-8")
    assert "Starting match weight (prior)" in text
    assert "HOLLINGSWROTH" in text
    assert "src=" not in text.split("vega")[0]
    assert '<script src="http' not in text
    people.explain(settings, database, one, other, chart=None, as_json=True)
    assert json.loads(capsys.readouterr().out)["decided_by"] == "linked"
    with pytest.raises(CmError, match="Cannot write"):
        people.explain(settings, database, one, other, chart=tmp_path / "no" / "chart.html", as_json=False)


def test_what_cannot_be_compared_is_said_in_one_line(told: Told) -> None:
    human, firm = told.of["misspelt"][0], told.of["firms"][0]
    for both, words in (
        ((human, human), "one with itself"),
        ((human, firm), "a human and an organisation are never compared"),
        ((human, 999), r"no person 999\."),
        ((998, firm), r"no person 998\."),
    ):
        with pytest.raises(PersonError, match=words) as raised:
            linkage.explain(told.settings, told.database, *both)
        assert "\n" not in str(raised.value)


def test_nothing_is_written(told: Told) -> None:
    settings, database, (one, other) = told.settings, told.database, told.of["misspelt"]
    tables = [name for (name,) in ask(database, "show tables")]

    def state() -> Any:
        return ask(database, f"checksum table {', '.join(tables)}"), sorted(
            (str(path), path.stat().st_mtime_ns) for path in (settings.home / "lake").rglob("*") if path.is_file()
        )

    before = state()
    linkage.explain(settings, database, one, other, with_chart=True)
    linkage.lineage(settings, database, one)
    assert state() == before


def test_what_an_earlier_version_stored_counts_as_nothing(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    load(settings, database, tmp_path / "a.csv", [row("Walter", "Hollingsworth"), row("Harriet", "Hollingsworth")])
    linkage.run(settings, database)
    first, second = (number for (number,) in ask(database, "select id from persons order by id"))
    assert linkage.explain(settings, database, first, second).reason.code == "given_names"
    with duckdb.connect(str(settings.home / "lake" / "linkage" / "base.duckdb")) as con:
        con.execute("update about set fingerprint = 'earlier'")
    assert linkage.explain(settings, database, first, second).reason.code == "given_names"
    with pytest.raises(LinkageError, match="another version"):
        linkage.write_duplicates(settings, database)
    linkage.run(settings, database)
    linkage.write_duplicates(settings, database)
