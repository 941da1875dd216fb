"""Sample lists: the same seed gives the same bytes, files are what their names say, the truth fits them."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from pathlib import Path

import phonenumbers
import pytest

from cm_core.errors import UsageError
from cm_core.sample_data import SampleData, generate
from cm_core.sample_data.generate import read_truth

_DELIMITERS = {"royalty_owners.csv": "|", "county_roll.csv": "\t"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SampleData:
    return generate(4_000, 5, tmp_path_factory.mktemp("sample"))


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="ascii") as lines:
        return list(csv.reader(lines, delimiter=_DELIMITERS.get(path.name, ",")))


def _digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_a_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        generate(1_500, seed, tmp_path / name)
    assert _digest(tmp_path / "one") == _digest(tmp_path / "two")
    assert _digest(tmp_path / "one")["truth.csv"] != _digest(tmp_path / "three")["truth.csv"]


def test_there_are_about_one_and_a_half_rows_a_person(made: SampleData) -> None:
    assert made.rows == sum(len(_rows(path)) - 1 for path in made.files)
    assert made.rows / made.people == pytest.approx(1.5, abs=0.05)


def test_truth_names_existing_rows_and_leaves_out_those_of_wrong_width(made: SampleData) -> None:
    truth = read_truth(made.truth_path)
    for path in made.files:
        header, *rows = _rows(path)
        wrong = {number for number, row in enumerate(rows, start=1) if len(row) != len(header)}
        known = {number for file, number, _ in truth if file == path.name}
        assert known <= set(range(1, len(rows) + 1))
        assert not known & wrong
    assert set(truth.values()) <= set(range(1, made.people + 1))


def test_the_truth_says_what_is_hard_about_a_row(made: SampleData) -> None:
    with made.truth_path.open(newline="", encoding="ascii") as lines:
        noise = Counter(word for row in csv.DictReader(lines) for word in row["noise"].split())
    assert noise.keys() >= {"name_typo", "nickname", "initial", "moved", "joint_owners", "shared_phone", "suffix_lost"}


def test_people_occur_within_and_across_files(made: SampleData) -> None:
    files: dict[int, list[str]] = {}
    for (file, _, _), person in read_truth(made.truth_path).items():
        files.setdefault(person, []).append(file)
    assert any(len(names) > len(set(names)) for names in files.values())
    assert any(len(set(names)) > 1 for names in files.values())


def test_rows_name_joint_owners_and_contact_people(made: SampleData) -> None:
    parties = Counter(party for _, _, party in read_truth(made.truth_path))
    assert set(parties) == {1, 2}
    roll = next(path for path in made.files if path.name == "county_roll.csv")
    assert any(" & " in row[0] for row in _rows(roll))


def test_do_not_call_lines_are_valid_numbers_without_a_header(made: SampleData) -> None:
    lines = made.dnc_path.read_text(encoding="ascii").splitlines()
    assert lines
    for line in lines:
        assert re.fullmatch(r"\d{3},\d{7}", line)
        assert phonenumbers.is_valid_number(phonenumbers.parse("+1" + line.replace(",", "")))


def test_opt_outs_name_a_channel_and_a_contact(made: SampleData) -> None:
    header, *rows = _rows(made.opt_outs_path)
    assert header == ["channel", "phone", "email", "date", "reason"]
    assert rows
    assert all(row[0] in {"sms", "call", "email", "all"} and (row[1] or row[2]) for row in rows)


def test_touchpoints_are_of_every_channel_and_name_a_contact(made: SampleData) -> None:
    header, *rows = _rows(made.touchpoints_path)
    assert {len(row) for row in rows} == {len(header)}
    assert {row[0] for row in rows} == {"call", "sms", "email", "mail"}
    assert all(row[2] or row[3] or row[5] for row in rows)
    names = {cell for row in _rows(made.campaigns_path)[1:] for cell in row[:2]}
    assert {row[11] for row in rows} - names == {"Autumn Newsletter"}


def test_progress_hears_of_the_end(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    generate(700, 1, tmp_path, progress=lambda done, total: heard.append((done, total)))
    assert heard[-1] == (700, 700)


@pytest.mark.parametrize(("people", "seed"), [(0, 1), (-3, 1), (10, -1)])
def test_senseless_numbers_are_refused(people: int, seed: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        generate(people, seed, tmp_path)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        generate(10, 1, tmp_path / "out")
