"""The rules in SQL give the answers of the functions: whole rows, over made-up, damaged, hostile and real values."""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import duckdb
import names as census
import pyarrow as pa
import pytest
import rphonenumbers
from hypothesis import strategies as st

from cm_core.hygiene.addresses import standardize_addresses
from cm_core.hygiene.columns import Answered, emails_of, phones_of, standardize
from cm_core.hygiene.emails import standardize_email
from cm_core.hygiene.entities import words
from cm_core.hygiene.names import standardize_names
from cm_core.hygiene.phones import standardize_phone
from cm_core.hygiene.places import states, zip_places
from cm_core.hygiene.text import placeholders
from tests.forms import in_two_forms

Row = tuple[str | None, ...]
COLUMNS = {
    "names": ("full", "prefix", "first", "middle", "last", "suffix", "organization"),
    "addresses": ("line1", "line2", "city", "state", "zip", "zip4"),
    "phones": ("raw",),
    "emails": ("raw",),
}
KEYS = {"names": "name_id", "addresses": "address_id"}
FUNCTIONS = {
    "names": standardize_names, "addresses": standardize_addresses, "phones": phones_of, "emails": emails_of
}  # fmt: skip


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2, "preserve_insertion_order": False}) as connection:
        yield connection


def _table(kind: str, rows: Sequence[Row]) -> pa.Table:
    cells = {name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(COLUMNS[kind])}
    return pa.table({KEYS[kind]: pa.array(range(len(rows)), pa.int64()), **cells} if kind in KEYS else cells)


def hold(con: duckdb.DuckDBPyConnection, kind: Any, rows: Iterable[Row]) -> Answered:
    """Both ways over the distinct rows; the test fails with the values whose answers differ."""
    distinct = list(dict.fromkeys(rows))
    table = _table(kind, distinct)
    con.register("given_values", table)
    answered = standardize(con, "from given_values", kind, "answered")
    columns = FUNCTIONS[kind](table.slice(0, 0)).schema.names
    assert [name for name, *_ in con.execute("describe answered").fetchall()] == columns
    got = Counter(con.execute("from answered").fetchall())
    expected = Counter(tuple(row.values()) for row in FUNCTIONS[kind](table).to_pylist())
    wrong = sorted((got - expected) + (expected - got), key=repr)
    assert [(distinct[row[0]] if kind in KEYS else row[0], row) for row in wrong[:10]] == []
    assert answered.ordinary + answered.others == len(distinct)
    return answered


def _census(key: str, count: int) -> list[str]:
    with Path(census.FILES[key]).open(encoding="ascii") as lines:
        return [line.split()[0] for line, _ in zip(lines, range(count), strict=False)]


GIVEN = _census("first:male", 600) + _census("first:female", 600)
SURNAMES = _census("last", 6000)
SPECIAL = sorted(words().special | words().legal)
BLANKS = sorted(placeholders()["blank"])
NAMES_LIKE_SUFFIXES = ["LAKE", "Spring", "FOREST", "MEADOW VIEW", "WASHINGTON", "PINE RIDGE", "RIVER"]
HOSTILE = [
    " ", "  ", ".", ",", "-", "'", "&", "/", "%", "#", "@", "+", "1", "0", "\t", "\n", "\x00", "\x1f", "\x7f", "\x85",
    "\xa0", "\u200b", "\u2019", "é", "ß", "ı", "ſ", "K", "Ñ", "٣", "İ", "\U0001f600", "(", ")", '"', "\\", "x", "O",
]  # fmt: skip


class Maker:
    """Rows of every kind from a seed: ordinary values in all spellings, with some of them damaged."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.pick = self.rng.choice
        self.places = [(code, state) for code, (state, _) in list(zip_places().items())[::40]]

    def rows(self, kind: str, count: int) -> list[Row]:
        make: Callable[[], Row] = getattr(self, f"_{kind}")
        return [self._damaged(make()) for _ in range(count)]

    def _damaged(self, row: Row) -> Row:
        if self.rng.random() < 0.8:
            return row
        cells = list(row)
        at = self.rng.randrange(len(cells))
        text = cells[at] or ""
        cut = self.rng.randrange(len(text) + 1)
        cells[at] = self.pick(
            [
                lambda: text[:cut] + self.pick(HOSTILE) + text[cut:],
                lambda: text[:cut] + self.pick(HOSTILE) + text[cut + 1 :],
                lambda: text[:cut] + text[cut + 1 :],
                lambda: text[:cut],
                lambda: text.swapcase(),
                lambda: text.lower(),
                lambda: text[:cut] + text[cut:] * self.rng.randrange(2, 60),
                lambda: None,
                lambda: "",
                lambda: self.pick(BLANKS),
                lambda: f" {text}",
                lambda: f"{text} ",
            ]
        )()
        return tuple(cells)

    def _cased(self, text: str) -> str:
        kind = self.rng.random()
        return text if kind < 0.5 else text.title() if kind < 0.9 else text.lower()

    def _word(self) -> str:
        kind = self.rng.random()
        if kind < 0.8:
            return self.pick(GIVEN) if kind < 0.4 else self.pick(SURNAMES)
        if kind < 0.88:
            return self.pick(ascii_uppercase) + self.pick(["", "."])
        if kind < 0.92:
            return self.pick(SURNAMES) + self.pick("-'") + self.pick(SURNAMES)
        return self.pick(["O'", "D'"]) + self.pick(SURNAMES) if kind < 0.95 else self.pick(SPECIAL)

    def _names(self) -> Row:
        first, other, last, word = self.pick(GIVEN), self.pick(GIVEN), self.pick(SURNAMES), self._word
        initial = self.pick(ascii_uppercase) + self.pick(["", "", "."])
        suffix = self.pick(["", "", "", " JR", " Jr.", " III", " SR", ", JR", " V", " MD"])
        firm = self.pick(
            ["OIL CO", "ENERGY LLC", "OIL & GAS, INC", "FAMILY TRUST", "TRUST", "REV LIVING TRUST DTD 1/2/2003", "LP",
             "TRUST CO", "BROS INC", "A B C LLC", "ESTATE", "ET UX", "ET AL", "TRUSTEE", "PROPERTIES", "BANK NA", "LTD",
             "Co.", "L.L.C.", "L. P.", "Inc., Tulsa", "FAM TR", "TR", "COUNTY", "LAND OFFICE", "OF TEXAS", "& SONS",
             "123"]
        )  # fmt: skip
        if self.rng.random() < 0.25:
            organization = self.pick(
                [f"{last} {firm}", f"{last} {firm}", f"{first} {last} {firm}", f"THE {last} {firm}",
                 f"{last} & {other}", f"ESTATE OF {first} {last}", f"{first} {initial} {last}{suffix}",
                 f"J.W. {last} {firm}", word(), f"{self.pick(SPECIAL)} {last} {firm}",
                 " ".join(word() for _ in range(self.rng.randrange(1, 6)))]
            )  # fmt: skip
            beside = self.pick([None, None, f"{first} {last}", f"{first} & {other} {last}", f"{last} {firm}"])
            return (beside, None, None, None, None, None, self._cased(organization))
        if self.rng.random() < 0.35:
            return (
                self.pick([None, None, f"{first} {last}"]),
                self.pick([None, None, None, "MR", "Dr.", "Mrs"]),
                self._cased(self.pick([first, first, f"{first} {initial}", f"{first} {other}", initial, word()])),
                self.pick([None, "", initial, other, word()]),
                self._cased(
                    self.pick(
                        [
                            last,
                            last,
                            word(),
                            f"{last} JR",
                            f"{last} Sr.",
                            f"{word()} III",
                            f"O'{last}",
                            f"{last}-{self.pick(SURNAMES)}",
                        ]
                    )
                ),
                self.pick([None, None, None, "JR", "Jr.", "III", "Senior", "2nd", "MD"]),
                self.pick([None, None, None, "", f"{last} {firm}", f"{first} {last}", word()]),
            )
        full = self.pick(
            [
                f"{first} {initial} {last}{suffix}",
                f"{first} {last}{suffix}",
                f"{last}, {first} {self.pick([initial, other, ''])}{suffix}",
                f"{last} {first} {initial}{suffix}",
                f"{first} {last} {initial}",
                f"{first} {other} {initial}",
                f"{first} {other} & {other}",
                f"{last} {first} & {other}",
                f"{last}, {first} & {other}",
                f"{first} & {other} {last}",
                f"{last} {first} {initial} & {other} {self.pick(ascii_uppercase)}",
                f"{last} {firm}",
                f"{first} {last} {firm}",
                f"THE {last} {firm}",
                f"ESTATE OF {first} {last}",
                f"{first} {initial} {last} {firm}",
                " ".join(word() for _ in range(self.rng.randrange(1, 6))),
                f"{word()}, {word()} {word()}",
            ]
        )
        return (
            self._cased(full),
            self.pick([None] * 9 + ["MR", "Mrs."]),
            None,
            None,
            self.pick([None, None, None, last]),
            self.pick([None] * 9 + ["Jr.", "2nd", "MD", "V, MD"]),
            None,
        )

    def _addresses(self) -> Row:
        number = str(self.rng.randrange(0, 20_000))
        name = self.pick(
            [self.pick(SURNAMES), self.pick(SURNAMES), f"{self.pick(SURNAMES)} {self.pick(SURNAMES)}", "5TH", "122ND",
             "ST CHARLES", "COUNTY ROAD", "HIGHWAY", "OAK HILL", "PARK", "STATE", "LA", "TULSA", "MAIN",
             *NAMES_LIKE_SUFFIXES]
        )  # fmt: skip
        direction = self.pick(["", "", "", "N ", "SW ", "North ", "E. ", "EAST ", "Northwest "])
        suffix = self.pick(["ST", "Street", "AVE", "Rd", "DR.", "Lane", "BLVD", "CIR", "Pl", "HWY", "X"])
        unit = self.pick(
            ["", "", "", f" APT {number[:2]}", f", STE {number}", f" #{number[:1]}", " # 4", " SUITE 9", " UNIT B"]
        )
        line = self.pick(
            [f"PO BOX {number}", f"P.O. Box {number}", f"P O BOX {number}", f"RR {number[:1]} BOX {number}"]
            + [f"{number} {direction}{self._cased(name)} {suffix}{unit}"] * 6
            + [
                f"{number} {direction}{name}{unit}",
                f"C/O {name} {number} {suffix}",
                f"{number} {name} {suffix}, Tulsa OK",
            ]
        )
        code, state = self.pick(self.places)
        spelling = self.pick([state] * 5 + [state.lower(), self.pick(list(states())), "ZZ", "N.Y."])
        city = self.pick(
            [
                "TULSA",
                "DALLAS",
                "Norman",
                "Oklahoma City",
                "St. Louis",
                "Winston-Salem",
                "Coeur d'Alene",
                "MC LEAN",
                "N/A",
                "St.Paul",
            ]
        )
        plus4 = f"{self.rng.randrange(0, 10):04d}"
        zip_ = self.pick(
            [
                code,
                code,
                code,
                code,
                f"{code}-{plus4}",
                f"{code}{plus4}",
                f"{code}.0",
                code.lstrip("0"),
                "",
                None,
                "00000",
            ]
        )
        return (
            line,
            self.pick([None] * 8 + ["", "APT 4", "PO BOX 7"]),
            self.pick([city, city, city, city, None, "Tulsa, OK 74103"]),
            self.pick([spelling] * 5 + [None]),
            zip_,
            self.pick([None] * 5 + ["", plus4, "12", "12.0"]),
        )

    def _phones(self) -> Row:
        form = self.pick(
            ["({}) {}-{}", "{}{}{}", "{}-{}-{}", "1.{}.{}.{}", "{}{}{}.0", "{}-{}-{} x12", "{} {} {} c", "+1 {} {} {}",
             "1-{}-{}-{}", "({}){}-{}", "{}/{}-{}", "{}-{}-{}#4", "{}{}{} ext. 77", "011{}{}{}", "{}{}-{}",
             "cell {}-{}-{}", "1{}{}{}.00", "{}-{}-{} or 405-555-1234", "({}) {}-{} H", "{}  {}  {} x5",
             "{}-{}-{}EXT9", "={}{}{}"]
        )  # fmt: skip
        exchange = self.pick([self.rng.randrange(1000), 555, 911, 234])
        line = self.pick([self.rng.randrange(10_000), 1111, 4567, self.rng.randrange(90, 210)])
        text = form.format(
            self.pick([405, 405, 918, 512, 416, self.rng.randrange(180, 1000)]), f"{exchange:03d}", f"{line:04d}"
        )
        filler = self.pick(sorted(placeholders()["phone"]))
        return (
            text if self.rng.random() < 0.97 else self.pick([filler, f"405{filler}", "2222222222", "(222) 222-2222"]),
        )

    def _emails(self) -> Row:
        first, last = self.pick(GIVEN).lower(), self.pick(SURNAMES)
        local = self.pick(
            [
                f"{first}.{last}",
                f"{last}{first}",
                f"{first}_{last}",
                f"{first}+tag",
                "Info",
                "POSTMASTER",
                first,
                f"{first}..{last}",
            ]
        )
        host = self.pick(
            ["gmail.com", "Yahoo.COM", "hotmail.com", "att.net", "ok.gov", "msn.com", "me.com", "x-y.z.org",
             "GMAIL.COM", "aol.com", "my-firm.co.uk", "oil.example.net", "x.test", "b.LOCAL", "a--b.com",
             "xn--d1a.com", "localhost", "example.c", "gmail,com", "-a.com", "a.onion", f"{'a' * 40}.com", "1.2.3.4"]
        )  # fmt: skip
        text = f"{local}@{host}"
        return (
            self.pick(
                [text] * 24
                + [f"{text}.", f"{text},", f" {text}", f"<{text}>", f"mailto:{text}", f"{first} {text}",
                   f"{text}; {first}@x.com", f"{first} {last}", text.replace("@", ""),
                    self.pick(sorted(placeholders()["email"])), f"{text}:",
                   f"{first} @{host}", f"{text} {text}", f"{text}..", f"{first} <{text}>", f"{local}@@{host}"]
            ),
        )  # fmt: skip


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.soak)])
def test_made_up_and_damaged_values(con: duckdb.DuckDBPyConnection, kind: str, seed: int) -> None:
    answered = hold(con, kind, Maker(seed).rows(kind, 6_000))
    assert answered.ordinary > 250


@pytest.mark.soak
@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("seed", range(3, 8))
def test_many_made_up_and_damaged_values(con: duckdb.DuckDBPyConnection, kind: str, seed: int) -> None:
    hold(con, kind, Maker(seed).rows(kind, 60_000))


_pieces = st.sampled_from([*HOSTILE, *SPECIAL[::9], *SURNAMES[:30], *GIVEN[:30]])
_hostile = st.text() | st.lists(_pieces, max_size=7).map(" ".join)


@pytest.mark.parametrize("kind", COLUMNS)
@in_two_forms(10, 30, data=st.data())
def test_any_text(con: duckdb.DuckDBPyConnection, kind: str, data: st.DataObject) -> None:
    cells = [st.none() | _hostile.map(lambda text: text.encode("utf-8", "replace").decode()) for _ in COLUMNS[kind]]
    hold(con, kind, data.draw(st.lists(st.tuples(*cells), max_size=20)))


def test_every_initial_in_every_place(con: duckdb.DuckDBPyConnection) -> None:
    forms = [
        "JOHN {} SMITH", "SMITH, JOHN {}", "SMITH JOHN {}", "MARY SMITH {}", "{} JOHN SMITH", "JOHN {}", "{}, JOHN",
        "JOHN {}. SMITH JR", "SMITH JOHN {} JR", "SMITH, JOHN {} III", "JOHN LEE {} SMITH", "SMITH JOHN LEE {}",
        "SMITH, JOHN LEE {}", "JOHN SMITH & {}", "SMITH JOHN & {}", "{} & {} SMITH",
    ]  # fmt: skip
    rows: list[Row] = [
        (form.replace("{}", letter), None, None, None, None, None, None) for form in forms for letter in ascii_uppercase
    ]
    for a in ascii_uppercase:
        for b in ascii_uppercase:
            rows.append((f"JOHN {a} {b} SMITH", None, None, None, None, None, None))
            rows.append((f"SMITH, JOHN {a} {b}", None, None, None, None, None, None))
            rows.append((None, None, f"JOHN {a}", b, "SMITH", None, None))
            rows.append((None, None, a, b, "O'NEIL", None, None))
    hold(con, "names", rows)


def test_every_word_of_a_rule_in_every_place(con: duckdb.DuckDBPyConnection) -> None:
    forms = [
        "{} SMITH",
        "JOHN {}",
        "JOHN {} SMITH",
        "SMITH, {}",
        "{}, JOHN",
        "SMITH {} J",
        "JOHN-{} SMITH",
        "JOHN SMITH {}",
    ]
    rows: list[Row] = [
        (form.replace("{}", word), None, None, None, None, None, None) for form in forms for word in SPECIAL
    ]
    for word in [*SPECIAL, *(blank.upper() for blank in BLANKS)]:
        rows += [
            (None, None, word, None, "SMITH", None, None),
            (None, None, "JOHN", word, "SMITH", None, None),
            (None, None, "JOHN", None, word, None, None),
            (None, word, "JOHN", None, "SMITH", None, None),
            (None, None, "JOHN", None, "SMITH", word, None),
            (None, None, "JOHN", None, f"O'{word}", None, None),
        ]
    hold(con, "names", rows)


def test_routes(con: duckdb.DuckDBPyConnection) -> None:
    rows = [
        (f"{kind} {route} BOX {box}", None, "Tulsa", "OK", "74103", None)
        for kind in ("RR", "HC", "hc", "Rr")
        for route in (0, 1, 7, 10, 99, 100, 999, 1000)
        for box in (0, 1, 9, 12, 123, 9999, 12345, 123456)
    ]
    assert hold(con, "addresses", rows).ordinary > 100


def test_zeros_of_a_spreadsheet_stand_behind_bare_digits_only(con: duckdb.DuckDBPyConnection) -> None:
    numbers = ("4054192227", "14054192227", "+14054192227", "1405)4192227", "1(4054192227", "405-419-2227")
    hold(con, "phones", [(number + zeros,) for number in numbers for zeros in (".0", ".00", ".000", ".", ".01")])


def test_a_phone_that_its_column_does_not_hold(con: duckdb.DuckDBPyConnection) -> None:
    numbers = [f"405{filling * count}419-2227" for filling in ". -" for count in (243, 244, 245, 300)]
    hold(con, "phones", [(number + ending,) for number in numbers for ending in ("", " x12", " h")])
    assert con.execute("select max(length(phone_raw)), count(*) from answered").fetchall() == [(255, 36)]


def test_several_values_as_google_writes_them(con: duckdb.DuckDBPyConnection) -> None:
    phones = ("405-321-1001 ::: 405-321-1009", "405-321-1001:::(405) 321-1009", "405-321-1001 :: 405-321-1009")
    assert hold(con, "phones", [(text,) for text in phones])
    assert [phone.e164 for phone in standardize_phone(phones[0])] == ["+14053211001", "+14053211009"]
    emails = ("ann@able.com ::: bob@able.com", "ann@able.com:::bob@able.com", "ann:::able")
    assert hold(con, "emails", [(text,) for text in emails])
    assert [email.email for email in standardize_email(emails[0])] == ["ann@able.com", "bob@able.com"]


def test_zips_that_a_spreadsheet_is_to_take_for_text(con: duckdb.DuckDBPyConnection) -> None:
    zips = ("02134", '="02134"', "'02134", "'2134", "='02134'", '=""', "'")
    hold(
        con, "addresses", [("1 MAIN ST", "", "BOSTON", "MA", code, plus4) for code in zips for plus4 in ("", '="0012"')]
    )


def test_every_area_code_and_exchange(con: duckdb.DuckDBPyConnection) -> None:
    """The regions of area codes do not depend on the exchange, for those that SQL answers."""
    hold(con, "phones", [("4055551234",)])
    codes = dict(con.execute("from hygiene.area_codes").fetchall())
    assert len(codes) > 380
    for code, region in codes.items():
        regions = {
            rphonenumbers.region_code_for_number(
                rphonenumbers.PhoneNumber(country_code=1, national_number=int(f"{code}{exchange}{line}"))
            )
            for exchange in range(200, 1000)
            for line in ("0000", "4999")
        }
        assert regions == {region}


def test_the_words_of_a_session_are_kept(con: duckdb.DuckDBPyConnection) -> None:
    row = ("123 Main St", None, "Tulsa", "OK", "74103", None)
    assert hold(con, "addresses", [row]) == hold(con, "addresses", [row]) == Answered(1, 0)
    con.execute("update hygiene.street_names set plain = false where name = 'MAIN'")
    assert hold(con, "addresses", [row]) == Answered(0, 1)
    several = [(f"{number} Main St", *row[1:]) for number in range(1, 30)]
    assert hold(con, "addresses", several) == Answered(29, 0)  # MAIN ST is plain yet
    assert hold(con, "addresses", [row]) == Answered(1, 0)
    con.execute("update hygiene.street_pairs set plain = false where name = 'MAIN'")
    assert hold(con, "addresses", [row]) == Answered(0, 1)
    con.execute("delete from hygiene.street_names; delete from hygiene.street_pairs")


def test_the_query_is_read_once(con: duckdb.DuckDBPyConnection) -> None:
    """A query may number its rows, or take any thousand of them: all steps see the same ones."""
    full = [row[0] for row in Maker(9).rows("names", 3_000)]
    con.register("given_names", pa.table({"full": pa.array(full, pa.string())}))
    nothing = ", ".join(f'null::varchar as "{name}"' for name in COLUMNS["names"][1:])
    some = "(from given_names order by random() limit 1000)"
    query = f'select row_number() over () as name_id, "full", {nothing} from {some}'
    answered = standardize(con, query, "names", "answered")
    assert answered.ordinary + answered.others == 1000
    twice = "select name_id, seq from answered group by all having count(*) > 1"
    assert con.execute(twice).fetchall() == []


#: All rows of the real files under `soak`, and in `make test` every so many of them, from all over the file.
EVERY = pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.soak)])


@EVERY
def test_real_values(con: duckdb.DuckDBPyConnection, operators: list[dict[str, str]], every: int) -> None:
    none = (None,) * 5
    columns = {name.lower(): name for name in operators[0]}
    rows = operators[::every]
    hold(con, "names", [(row[name], *none, None) for row in rows for name in ("Operator Name", "Contact Name")])
    hold(
        con,
        "addresses",
        [
            (row["Address"], None, row[columns["city"]], row[columns["state"]], row[columns["zip"]], None)
            for row in rows
        ],
    )
    hold(con, "phones", [(cell,) for row in rows for name, cell in row.items() if "phone" in name.lower()])
    hold(con, "emails", [(cell,) for row in rows for cell in row.values() if cell])


@pytest.mark.parametrize("most", [200, pytest.param(2_000, marks=pytest.mark.soak)])
def test_real_lists_and_voters(con: duckdb.DuckDBPyConnection, shared_data: Path, most: int) -> None:
    values: dict[str, list[Row]] = {kind: [] for kind in COLUMNS}
    for path in sorted(shared_data.glob("*.csv")):
        with path.open(encoding="utf-8", errors="replace", newline="") as lines:
            rows = list(csv.reader(lines))
        cells = [cell for row in rows for cell in row if cell]
        for kind in COLUMNS:
            others = (None,) * (len(COLUMNS[kind]) - 1)
            values[kind] += [(cell, *others) for cell in dict.fromkeys(cells[:most])]
        values["names"] += [(None, None, *row[:3], None, None) for row in rows[: most * 7] if len(row) > 2]
        values["names"] += [
            (None, None, a, None, b, None, None) for row in rows[: most * 3 // 4] for a, b in pairwise(row)
        ]
    for kind, found in values.items():
        hold(con, kind, found)
