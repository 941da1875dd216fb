"""Files of JSON lines: each line a row or a bad row, the texts of values as written, memory bounded by a line."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from cm_core.errors import FileRejected
from cm_core.imports.formats import json_line, json_lines
from cm_core.imports.formats.json_line import MAX_DEPTH, BadLine, LineReader
from cm_core.imports.formats.json_lines import is_json_lines, read_json_lines
from tests.forms import in_two_forms

from .conftest import Found

Read = Callable[..., Found]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """`read('{"a": 1}')`: the table set of a file of this content."""
    count = 0

    def do(content: str | bytes, **options: Any) -> Found:
        nonlocal count
        count += 1
        stream = io.BytesIO(content if isinstance(content, bytes) else content.encode())
        return Found(read_json_lines(stream, tmp_path / f"tables-{count}", **options))

    return do


def bad(found: Found) -> list[tuple[int, str]]:
    return [(row["line_number"], row["reason"]) for row in found.bad]


def test_what_the_text_of_a_value_is(read: Read) -> None:
    found = read(
        r'{"id": 7, "n": -1.50e+3, "big": 123456789012345678901234567890, "zero": -0.0, "yes": true, "no": false, '
        r'"none": null, "text": "a \"b\" \u00e9\n", "empty": "", "list": [ 1.10, {"k" : "x  y"} ], "object": { } }'
    )
    assert found.names == ["records"]
    assert dict(zip(found.columns(), found.rows()[0], strict=True)) == {
        "id": "7", "n": "-1.50e+3", "big": "123456789012345678901234567890", "zero": "-0.0", "yes": "true",
        "no": "false", "none": None, "text": 'a "b" é\n', "empty": "", "list": '[1.10,{"k":"x  y"}]', "object": "{}",
    }  # fmt: skip
    assert not found.bad


def test_keys_that_come_later_are_columns_and_lines_may_have_keys_in_any_order(read: Read) -> None:
    found = read('{"a":1,"b":2}\n{"b":3,"a":4}\n{"c":5}\n\n  \n{"a":6,"C":7,"b":null}\n{"a":8,"b":9}\n')
    assert found.columns() == ("a", "b", "c")
    assert found.rows() == [
        ("1", "2", None), ("4", "3", None), (None, None, "5"), ("6", None, "7"), ("8", "9", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":"x"}\n{"a":"\xc3\xa9"}\n',
        b'\xef\xbb\xbf{"a":"x"}\n{"a":"\xc3\xa9"}',
        b'{"a":"x"}\r\n\r\n{"a":"\\u00e9"}\r\n',
        '{"a":"x"}\r\n{"a":"é"}\r\n'.encode("utf-16"),
        b' \t{ "a" :\t"x" } \n\xef\xbb\xbf{"a":"\xc3\xa9"}',
    ],
    ids=["plain", "mark", "carriage returns", "utf-16", "blanks, and a mark in the middle"],
)
def test_how_lines_are_written_does_not_matter(read: Read, content: bytes) -> None:
    found = read(content)
    assert (found.columns(), found.rows(), found.bad) == (("a",), [("x",), ("é",)], [])


@pytest.mark.parametrize(
    ("line", "reason", "error_type"),
    [
        ('{"a":1', "The line is no JSON: Expecting ',' delimiter at character 7.", "VALIDATION"),
        ('{"a":1} {"a":2}', "The line is no JSON: Extra data at character 9.", "VALIDATION"),
        ('{"a":1,}', "The line is no JSON: Expecting property name enclosed in double quotes", "VALIDATION"),
        ("{'a':1}", "The line is no JSON: Expecting property name enclosed in double quotes", "VALIDATION"),
        ('{"a":01}', "The line is no JSON: Expecting ',' delimiter at character 7.", "VALIDATION"),
        ('{"a":NaN}', "NaN is no value of JSON.", "VALIDATION"),
        ('{"a":[-Infinity]}', "-Infinity is no value of JSON.", "VALIDATION"),
        ('{"a":"x\ty"}', "The line is no JSON: Invalid control character at at character 8.", "VALIDATION"),
        ("[1,2]", "The line is a list, not an object.", "VALIDATION"),
        ('"a"', "The line is a string, not an object.", "VALIDATION"),
        ("null", "The line is null, not an object.", "VALIDATION"),
        ("12", "The line is a number, true or false, not an object.", "VALIDATION"),
        ("{}", "The object is empty.", "VALIDATION"),
        ('{" ":1}', "A key is blank.", "VALIDATION"),
        ('{"a":1,"b":2,"a":3}', "The key 'a' is there twice.", "VALIDATION"),
        ('{"a":1,"A":2}', "The keys 'a' and 'A' are one column.", "VALIDATION"),
        ('{"a":1,"\\u0061":2}', "The key 'a' is there twice.", "VALIDATION"),
        ('{"a":"x\\u0000"}', "The row contains a NUL character.", "ENCODING"),
        ('{"a":[{"\\u0000":1}]}', "The row contains a NUL character.", "ENCODING"),
        ('{"a":"x\0"}', "The row contains a NUL character.", "ENCODING"),
        ('{"a":["\\ud83d"]}', "The row has half of a character (an unpaired surrogate).", "ENCODING"),
        ('{"a":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", "Lists and objects are nested more than 100", "VALIDATION"),
        ('{"a":' + "[" * 90_000 + "]" * 90_000 + "}", "Lists and objects are nested more than 100", "VALIDATION"),
        ('{"a":' + "[" * 90_000, "Lists and objects are nested more than 100", "VALIDATION"),
    ],
)
def test_a_line_that_is_no_record_says_why_and_costs_no_other(
    read: Read, line: str, reason: str, error_type: str
) -> None:
    found = read(f'{{"a":0}}\n{line}\n{{"a":9}}\n')
    assert found.rows() == [("0",), ("9",)]
    (row,) = found.bad
    assert row["reason"].startswith(reason)
    assert (row["line_number"], row["error_type"], row["table_name"]) == (2, error_type, "records")
    assert row["raw"] == line[:20_000]


def test_what_a_line_like_the_one_before_may_not_have_either(read: Read) -> None:
    """The same, where the line is not taken apart anew."""
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    found = read(
        f'{{"a":[]}}\n{{"a":{deep}}}\n{{"a":"\\ud800"}}\n{{"a":"\\u0000"}}\n{{"a":NaN}}\n{{"a":1}}x\n{{"a":01}}'
    )
    assert found.rows() == [("[]",)]
    assert [line for line, _ in bad(found)] == [2, 3, 4, 5, 6, 7]


def test_what_is_allowed_is_not_refused(read: Read) -> None:
    deep = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    wide = "[" + ",".join(["{}"] * 5_000) + "]"
    found = read(f'{{"a":{deep}}}\n{{"a":{wide}}}\n{{"a":"\\ud83d\\ude00 \\\\u0000 [[[{"[" * 200}"}}\n')
    assert [len(text or "") for (text,) in found.rows()] == [len(deep), len(wide), len("😀 \\u0000 [[[") + 200]
    assert not found.bad


def test_bytes_that_are_no_text(read: Read) -> None:
    found = read(b'{"a":"\xc3\xa9"}\n{"a":"\xff"}\n{"a":"y"}\n')
    assert found.rows() == [("é",), ("y",)]
    (row,) = found.bad
    assert (row["line_number"], row["error_type"], row["raw"]) == (2, "ENCODING", r'{"a":"\xff"}')
    assert row["reason"] == "Byte 7 is not UTF-8; save the file as UTF-8."


@pytest.mark.parametrize(("end", "torn"), [('{"a":1', True), ('{"a":1}', False), ('{"a":1\n', False)])
def test_a_torn_last_line_says_that_the_file_may_be_cut_off(read: Read, end: str, torn: bool) -> None:
    found = read('{"a":0}\n' + end)
    reasons = [reason for _, reason in bad(found)]
    assert [("cut off" in reason) for reason in reasons] == ([torn] if end != '{"a":1}' else [])
    assert len(found.rows()) + len(reasons) == 2


def test_half_a_character_at_the_end_is_not_lost(read: Read) -> None:
    found = read('{"a":0}\n{"a":1'.encode("utf-16") + b"x")
    assert found.rows() == [("0",)]
    assert bad(found)[0][0] == 2


@pytest.mark.parametrize("size", [64, 65, 100, 1 << 20])
def test_a_line_that_is_too_long_is_a_bad_row(read: Read, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(json_lines, "_CHUNK", size)
    long = '{"a":"' + "x" * 500 + '"}'
    fits = '{"a":"' + "y" * (64 - 8) + '"}'
    lines = [long, '{"a":1}', fits, '{"a":2}', long, long, '{"a":3}', "", fits.replace("y", "zz", 1), long]
    found = read("\n".join(lines), max_line_bytes=64)
    assert [value for (value,) in found.rows()] == ["1", "y" * 56, "2", "3"]
    assert [line for line, _ in bad(found)] == [1, 5, 6, 9, 10]
    assert all(row["raw"].startswith(('{"a":"xx', '{"a":"zz')) for row in found.bad)


def test_lines_of_many_forms_keep_their_order(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "_MOST_CELLS", 500)
    monkeypatch.setattr(json_lines, "_CHUNK", 1_000)
    made = [{f"k{n % 17}": n, "n": n, **({"odd": [n]} if n % 2 else {})} for n in range(2_000)]
    found = read("\n".join(json.dumps(record) for record in made))
    columns = found.columns()
    for record, row in zip(made, found.rows(), strict=True):
        have = {key: json.loads(text) for key, text in zip(columns, row, strict=True) if text is not None}
        assert have == record


def test_forms_of_lines_are_forgotten_where_there_are_too_many(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_line, "_MOST_PLACES", 30)
    monkeypatch.setattr(json_line, "_MOST_PIECES", 3)
    made = [{f"k{n % 5}": n, f"k{5 + n % 7}": n, f"k{12 + n % 3}": n} for n in range(500)]
    found = read("\n".join(json.dumps(record) for record in made))
    for record, row in zip(made, found.rows(), strict=True):
        have = {key: int(text) for key, text in zip(found.columns(), row, strict=True) if text is not None}
        assert have == record


def test_too_many_keys_are_no_columns(read: Read) -> None:
    with pytest.raises(FileRejected, match="more than 2,000 different keys"):
        read("\n".join(f'{{"k{n}":1}}' for n in range(2_001)))


def test_a_file_without_a_record_is_refused_with_the_reason_of_its_first_line(read: Read) -> None:
    with pytest.raises(FileRejected, match=r"No line .* Line 2: The line is a list, not an object\."):
        read("\n[1]\n{}\n")


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("x.csv", b'{"a":1}\n{"a":2}\n', True),
        ("x", b'\xef\xbb\xbf \n{"a":', True),
        ("x", b'{"a":"' + b"x" * 1_000, True),
        ("x.txt", b'{"a":1\n{"a":2}\n', True),
        ("x.jsonl", b'not this\n{"a":2}\n', True),
        ("x.ndjson", b'{"a":1\n{"a":\n', True),
        ("x.jsonl", '{"a":1}\n'.encode("utf-16"), True),
        ("x.csv", b"{name},{phone}\nAnn,405\n", False),
        ("x.csv", b"name,phone\n{},[]\n", False),
        ("x.csv", b"[name],[phone]\nAnn,405\n", False),
        ("x.jsonl", b"name,phone\nAnn,405\n", False),
        ("x", b"", False),
    ],
)
def test_the_content_says_what_is_json_lines(name: str, head: bytes, expected: bool) -> None:
    assert is_json_lines(name, head) is expected


@pytest.mark.parametrize("head", [b'[{"a":1},{"a":2}]', b'[\n  {\n    "a": 1\n  }\n]', b'{\n  "a": 1,\n  "b": 2\n}\n'])
def test_json_of_another_form_is_refused_with_a_remedy(head: bytes) -> None:
    with pytest.raises(FileRejected, match="is a JSON document, not JSON lines"):
        is_json_lines("people.json", head)


_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
_RECORDS = st.lists(
    st.dictionaries(st.sampled_from(["id", "name", "ключ", 'q"', "x\\", "é\n"]), _VALUES, min_size=1, max_size=4),
    min_size=1,
    max_size=6,
)
_STYLES = st.sampled_from(
    [{}, {"separators": (",", ":")}, {"ensure_ascii": False}, {"separators": (" ,\t", "\t: "), "ensure_ascii": False}]
)


def _text(value: Any) -> str | None:
    """What the text of a value is, by the rule and not by the way it is read."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


@in_two_forms(60, 20_000, records=_RECORDS, style=_STYLES)
def test_whatever_is_written_is_read_back(records: list[dict[str, Any]], style: dict[str, Any]) -> None:
    texts = [text for record in records for text in _all_texts(record)]
    content = "\n".join(json.dumps(record, **style) for record in records)
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = Found(read_json_lines(io.BytesIO(content.encode()), Path(folder) / "t"))
        except FileRejected:
            assert any("\0" in text for text in texts)
            return
        columns, rows = found.columns(), iter(found.rows())
        refused = {row["line_number"] for row in found.bad}
    for number, record in enumerate(records, start=1):
        if number in refused:
            assert any("\0" in text for text in _all_texts(record))
            continue
        row = {key: text for key, text in zip(columns, next(rows), strict=True) if text is not None}
        expected = {key: value for key, value in record.items() if value is not None}
        assert row.keys() == expected.keys()
        for key, value in expected.items():
            if isinstance(value, dict | list):
                assert json.loads(row[key]) == value
                assert row[key] == json.dumps(
                    value, separators=(",", ":"), ensure_ascii=style.get("ensure_ascii", True)
                )
            else:
                assert row[key] == _text(value)
    assert next(rows, None) is None


def _all_texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in _all_texts(part)]
    return [text for part in value for text in _all_texts(part)] if isinstance(value, list) else []


@in_two_forms(
    150, 50_000, record=_RECORDS.map(lambda found: found[0]), style=_STYLES, place=st.integers(0, 400),
    put=st.sampled_from(["", " ", ",", "}", "]", '"', "\\", "1", "\\u0000", "null", ':"', "\r", "NaN", "\\ud800"]),
)  # fmt: skip
def test_the_short_way_and_the_long_way_agree(
    record: dict[str, Any], style: dict[str, Any], place: int, put: str
) -> None:
    """A line like the one before is not taken apart anew; what it says must not depend on it."""
    line = json.dumps(record, **style)
    changed = line[: place % (len(line) + 1)] + put + line[place % (len(line) + 1) + (len(put) > 1) :]

    def outcome(reader: LineReader) -> Any:
        try:
            values = reader.read(changed)
        except BadLine as error:
            return str(error), error.error_type
        return dict(zip(reader.keys, values, strict=True))

    used = LineReader()
    for known in (line, json.dumps({**record, "more": 1}, **style), json.dumps(dict([*record.items()][:-1]), **style)):
        with suppress(BadLine):
            used.read(known)
    assert outcome(used) == outcome(LineReader())
