"""An initial is whoever its e-mail address spells out."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.quality.linked import link, staged, write_list

HEADER = ("First Name", "Last Name", "Address", "City", "State", "Zip", "Email")
HOME = ("7 Oak St", "Tulsa", "OK", "74101")


def together(folder: Path, *people: tuple[str, str]) -> list[set[str]]:
    """The clusters of given names (with e-mail addresses) of the family Barajas at one address."""
    rows = [[given, "Barajas", *HOME, email] for given, email in people]
    with staged([write_list(folder / "list.csv", HEADER, rows)]) as (con, settings):
        link(con, settings)
        found = con.execute(
            "select cluster, first_key from source_parties inner join clusters using (person_id)"
        ).fetchall()
    return sorted(
        ({name for other, name in found if other == cluster} for cluster in {c for c, _ in found}), key=sorted
    )


@pytest.mark.parametrize("box", ["richard_barajas@example.org", "barajasrichard77@example.org", "richard@example.org"])
def test_an_address_says_whose_the_initial_is(tmp_path: Path, box: str) -> None:
    people = [("R", box), ("Richard", ""), ("Roberta", "")]
    assert together(tmp_path, *people) == [{"R", "RICHARD"}, {"ROBERTA"}]


@pytest.mark.parametrize("box", ["", "rbarajas@example.org", "office@example.org", "gregory@example.org"])
def test_without_it_an_initial_that_fits_two_is_nobodys(tmp_path: Path, box: str) -> None:
    people = [("R", box), ("Richard", ""), ("Roberta", "")]
    assert together(tmp_path, *people) == [{"R"}, {"RICHARD"}, {"ROBERTA"}]
