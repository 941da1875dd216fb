"""Which ids of sources make two records one: whole linkage over small lists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.quality.linked import link, staged, write_list

HEADER = ("First Name", "Last Name", "Address", "City", "State", "Zip", "Date of Birth")
GIVEN = ("Walter", "Harriet", "Douglas", "Phyllis", "Leonard", "Geneva", "Chester", "Lucille", "Vernon", "Thelma")
SURNAMES = ("Abernathy", "Blankenship", "Crutchfield", "Dillingham", "Eisenhauer", "Fitzgerald", "Hollingsworth")


def row(position: int, *, given: str | None = None, surname: str | None = None, born: str = "") -> list[str]:
    """Somebody; rows of different positions have nothing in common."""
    return [
        given or GIVEN[position % len(GIVEN)],
        surname or SURNAMES[position % len(SURNAMES)] + "abcdefghijk"[position // len(SURNAMES)],
        f"{101 + 13 * position} Oak St",
        "Tulsa",
        "OK",
        f"{74101 + position}",
        born,
    ]


#: Twenty people who moved, each in two lists under one number: what the kind of number is worth can be seen.
MOVED = [(row(n), row(n)[:2] + row(n + 30)[2:], f"{7000001 + 977 * n}") for n in range(20)]


def clusters(
    tmp_path: Path, kind: str, pairs: Sequence[tuple[list[str], list[str], str]]
) -> tuple[list[bool], tuple[bool, bool]]:
    """Whether the two of each pair became one; and whether the kind of number is one person's, and used at all."""
    lists = [
        write_list(tmp_path / f"{side}.csv", [*HEADER, kind], [[*pair[side], pair[2]] for pair in pairs])
        for side in (0, 1)
    ]
    with staged(lists) as (con, settings):
        link(con, settings)
        found = con.execute(
            "select import_id, row_number, cluster from source_parties inner join clusters using (person_id)"
        ).fetchall()
        ((personal, used),) = con.execute("select is_personal, is_used from identifier_types").fetchall()
    cluster = {(name, number): label for name, number, label in found}
    return [cluster["0.csv", n] == cluster["1.csv", n] for n in range(1, len(pairs) + 1)], (personal, used)


@pytest.mark.parametrize(("kind", "personal"), [("Voter ID", True), ("SSN", True), ("Owner ID", False)])
def test_people_who_moved_are_one_by_their_number(tmp_path: Path, kind: str, personal: bool) -> None:
    assert clusters(tmp_path, kind, MOVED) == ([True] * 20, (personal, True))


def test_without_their_number_they_are_not(tmp_path: Path) -> None:
    apart = [(one, other, "") for one, other, _ in MOVED]
    lists = [write_list(tmp_path / f"{side}.csv", HEADER, [pair[side] for pair in apart]) for side in (0, 1)]
    with staged(lists) as (con, settings):
        link(con, settings)
        (count,) = con.execute("select count(distinct cluster) from clusters").fetchall()[0]
    assert count > 30


def test_a_voter_who_took_another_name_is_one_and_a_couple_with_one_owner_number_is_two(tmp_path: Path) -> None:
    renamed = (row(25), row(25, given="Josephine"), "8123457")
    assert clusters(tmp_path, "Voter ID", [*MOVED, renamed])[0][-1]
    assert not clusters(tmp_path, "Owner ID", [*MOVED, renamed])[0][-1]


def test_numbers_of_two_issuers_under_one_header_mean_nothing(tmp_path: Path) -> None:
    strangers = [(row(n), row(n + 43), f"{5000001 + 977 * n}") for n in range(20)]
    assert clusters(tmp_path, "Voter ID", strangers) == ([False] * 20, (False, False))


def test_a_list_that_holds_spouses_under_one_number_takes_its_proof_away(tmp_path: Path) -> None:
    spouses = [
        (row(n, given="Walter", born="1950-02-03"), row(n, given="Thelma", born="1954-10-11"), f"{6000001 + 977 * n}")
        for n in range(25, 31)
    ]
    one, (personal, used) = clusters(tmp_path, "SSN", [*MOVED, *spouses])
    assert one == [True] * 20 + [False] * 6
    assert (personal, used) == (False, True)


def test_a_filler_and_a_short_number_are_none(tmp_path: Path) -> None:
    strangers = [
        (row(n + 25), row(n + 48), number) for n, number in enumerate(("999999999", "123456789", "17", "0000042"))
    ]
    assert clusters(tmp_path, "SSN", [*MOVED, *strangers])[0][20:] == [False] * 4


def test_a_slip_of_the_number_counts_with_the_birthday(tmp_path: Path) -> None:
    """The given name was replaced and the number mistyped: the birthday and the place speak for one.

    Numbers that differ at their end were issued one after the other, as those of twins are: a person is asked.
    """
    couples = {
        5: (("Harriet", "448120997"), ("Josephine", "484120997")),
        6: (("James", "70001234"), ("Robert", "70001235")),
        7: (("Mark", "70019234"), ("Mary", "70019235")),
        8: (("Lucille", "448122997"), ("Thelma", "448122979")),
        9: (("Vernon", "448123997"), ("Vernno", "448123979")),
    }
    lists = [
        write_list(
            tmp_path / f"{side}.csv",
            [*HEADER, "SSN", "Email"],
            [
                [*row(n, given=pair[side][0], born="1961-05-09"), pair[side][1], f"home{n}@example.org"]
                for n, pair in couples.items()
            ],
        )
        for side in (0, 1)
    ]
    with staged(lists) as (con, settings):
        link(con, settings)
        clusters_of: dict[int, set[int]] = {n: set() for n in couples}
        found = con.execute("select row_number, cluster from source_parties inner join clusters using (person_id)")
        for number, label in found.fetchall():
            clusters_of[list(couples)[number - 1]].add(label)
        asked = con.execute("select count(*) from doubts where cause = 'rule'").fetchall()
    assert {n: len(labels) for n, labels in clusters_of.items()} == {5: 1, 6: 2, 7: 2, 8: 2, 9: 1}
    assert asked == [(3,)]
