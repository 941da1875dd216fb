"""Which organisations, trusts and estates at one address are one, which are not, and which a person is asked about."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.quality.linked import link, staged, write_list

HEADER = ("Company", "Address", "City", "State", "Zip")
ONE = [
    ("Red River Minerals LLC", "Red River Mineral LLC"),
    ("Hollingsworth Family Trust", "Hollingswroth Family Trust"),
    ("Red River Minerals LLC", "Redriver Minerals LLC"),
    ("Lot 12 Homeowners Association", "Lot 12 Homeowner Association"),
    ("Estate of John Hollingsworth", "Estate of John Holingsworth"),
    ("Estate of Pete Dillingham", "Estate of Peter Dillingham"),
    ("Fitzgerald Opera House", "Fitzgerald Opera Hse"),
    ("Minerals of Red River LLC", "Red River Minerals LLC"),
]
TWO = [
    ("Parker Drilling 2004 LP", "Parker Drilling 2005 LP"),
    ("Mesa Royalty Fund I LP", "Mesa Royalty Fund V LP"),
    ("Mesa Royalty Fund II LP", "Mesa Royalty Fund III LP"),
    ("Lot 12 Homeowners Association", "Lot 13 Homeowners Association"),
    ("Apache Unit 1H LLC", "Apache Unit 2H LLC"),
    ("Smith Childrens Trust A", "Smith Childrens Trust B"),
    ("Mary A Jones Trust", "Mary B Jones Trust"),
    ("Hollis Drilling North LP", "Hollis Drilling South LP"),
]
ASKED = [
    ("Estate of John Hollingsworth", "Estate of Joan Hollingsworth"),
    ("Don Vandermeer Living Trust", "Dan Vandermeer Living Trust"),
    ("Mary Abernathy Living Trust", "Mary A Abernathy Living Trust"),
    ("Blackwell Gas Company of Tulsa", "Blackwell Oas Company of Tulsa"),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """`one`, `two` or `asked` for each pair; those of different pairs have nothing in common."""
    pairs = [*ONE, *TWO, *ASKED]
    path: Path = tmp_path_factory.mktemp("legal") / "list.csv"
    rows = [
        [name, f"{101 + 13 * number} Oak St", "Tulsa", "OK", f"{74101 + number}"]
        for number, pair in enumerate(pairs)
        for name in pair
    ]
    with staged([write_list(path, HEADER, rows)]) as (con, settings):
        link(con, settings)
        placed = con.execute(
            "select cluster, person_id from source_parties inner join clusters using (person_id) order by row_number"
        ).fetchall()
        doubtful = con.execute("select id_l, id_r from doubts where cause = 'uncertain'").fetchall()
    doubts = {frozenset(pair) for pair in doubtful}
    said = {}
    for number, pair in enumerate(pairs):
        (one, first), (other, second) = placed[2 * number : 2 * number + 2]
        said[pair] = "one" if one == other else "asked" if {first, second} in doubts else "two"
    return said


@pytest.mark.parametrize(
    ("pair", "answer"),
    [(pair, answer) for answer, pairs in (("one", ONE), ("two", TWO), ("asked", ASKED)) for pair in pairs],
)
def test_names_that_are_alike(answers: dict[tuple[str, str], str], pair: tuple[str, str], answer: str) -> None:
    assert answers[pair] == answer
