"""An initial is whoever its e-mail address spells out."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.quality.linked import link, staged, write_list

HEADER = ("First Name", "Last Name", "Address", "City", "State", "Zip", "Email")
#: Families that have nothing in common, by the e-mail address of the R in them: who belongs together.
ADDRESSES = {
    "Barajas": "richard_barajas@example.org",
    "Abernathy": "abernathyrichard77@example.org",
    "Blankenship": "richard@example.org",
    "Crutchfield": "",
    "Dillingham": "rdillingham@example.org",
    "Eisenhauer": "office@example.org",
    "Fitzgerald": "gregory@example.org",
}
SPELT_OUT = ("Barajas", "Abernathy", "Blankenship")


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[set[str]]]:
    """The clusters of given names of each family, all of whom live together."""
    path: Path = tmp_path_factory.mktemp("families") / "list.csv"
    rows = [
        [given, surname, f"{number} Oak St", "Tulsa", "OK", f"{74100 + number}", email]
        for number, (surname, box) in enumerate(ADDRESSES.items(), 1)
        for given, email in (("R", box), ("Richard", ""), ("Roberta", ""))
    ]
    with staged([write_list(path, HEADER, rows)]) as (con, settings):
        link(con, settings)
        found = con.execute(
            "select last_key, list(first_key) from source_parties inner join clusters using (person_id) "
            "group by last_key, cluster"
        ).fetchall()
    return {
        surname: sorted((set(names) for key, names in found if key == surname.upper()), key=sorted)
        for surname in ADDRESSES
    }


@pytest.mark.parametrize("surname", SPELT_OUT)
def test_an_address_says_whose_the_initial_is(clusters: dict[str, list[set[str]]], surname: str) -> None:
    assert clusters[surname] == [{"R", "RICHARD"}, {"ROBERTA"}]


@pytest.mark.parametrize("surname", [name for name in ADDRESSES if name not in SPELT_OUT])
def test_without_it_an_initial_that_fits_two_is_nobodys(clusters: dict[str, list[set[str]]], surname: str) -> None:
    assert clusters[surname] == [{"R"}, {"RICHARD"}, {"ROBERTA"}]
