"""The lines of flat do-not-call lists, many at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cm_core.imports import plain_numbers
from cm_core.imports.plain_numbers import FlatList, flat_list, parse

PLAIN = st.from_regex(rb"[2-9][0-9]{2},[0-9]{7}", fullmatch=True)
OTHER = st.binary(max_size=20).map(lambda line: line.replace(b"\n", b" "))


def _outcome(stretch: bytes, delimiter: str | None) -> tuple[list[tuple[int, int]], list[tuple[int, bytes]]]:
    parsed = parse(stretch, delimiter)
    assert parsed.lines == len(parsed.rows) + len(parsed.odd)
    return list(zip(parsed.rows.tolist(), parsed.numbers.tolist(), strict=True)), list(parsed.odd)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [b"", b"\n"])
def test_plain_lines_are_numbers(end: bytes, last: bytes) -> None:
    plain, odd = _outcome(end.join([b"405,5552345", b"918,0000001"]) + last, ",")
    assert (plain, odd) == ([(1, 4055552345), (2, 9180000001)], [])
    plain, odd = _outcome(end.join([b"4055552345", b"9180000001"]) + last, None)
    assert (plain, odd) == ([(1, 4055552345), (2, 9180000001)], [])


def test_every_other_line_is_given_back_with_its_row_and_blank_ones_are_none() -> None:
    text = (
        b'405,5552345\n\n"405","5552345"\n405,555-2345\r\n\r\n105,5552345\n405;5552345\n'
        b"405,555234x\n 405,5552345\n918,3214567"
    )
    plain, odd = _outcome(text, ",")
    assert plain == [(1, 4055552345), (8, 9183214567)]
    assert odd == [
        (2, b'"405","5552345"'), (3, b"405,555-2345"), (4, b"105,5552345"), (5, b"405;5552345"), (6, b"405,555234x"),
        (7, b" 405,5552345"),
    ]  # fmt: skip


@given(st.lists(PLAIN | OTHER, min_size=1), st.sampled_from([b"\n", b"\r\n"]))
def test_no_line_is_lost_or_changed(lines: list[bytes], end: bytes) -> None:
    plain, odd = _outcome(end.join(lines) + end, ",")
    expected = [line.removesuffix(b"\r") for line in (end.join(lines) + end).split(b"\n")]
    expected = [line for line in expected if line]
    found = dict(odd) | {row: f"{str(number)[:3]},{str(number)[3:]}".encode() for row, number in plain}
    assert [found[row] for row in sorted(found)] == expected


def test_stretches_end_at_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_numbers, "STRETCH_BYTES", 30)
    path = tmp_path / "list.txt"
    lines = [f"405,{number:07d}" for number in range(20)]
    path.write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    stretches = list(FlatList(path, 3, ",", "utf-8").stretches())
    assert len(stretches) > 5
    assert all(stretch.endswith(b"\n") for stretch in stretches[:-1])
    assert b"".join(stretches).decode().split("\n") == lines


def test_a_list_is_flat_by_its_first_lines(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("405,5552345\n" * 19 + "total: 19\n")
    assert flat_list(path, 0, "utf-8", ("area_code", "number"), ",") == FlatList(path, 0, ",", "utf-8")
    assert flat_list(path, 0, "utf-8", ("phone", "action"), ",") is None
    path.write_text("405-555-2345\n" * 20)
    assert flat_list(path, 0, "utf-8", ("phone",), ",") is None
    path.write_text("4055552345")
    assert flat_list(path, 0, "utf-8", ("phone",), ",") is None
