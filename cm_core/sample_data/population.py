"""Draws of people, households and the source rows that mention them, as columns of numbers.

One call draws one chunk with its own random generator, so memory is bounded and a chunk never depends on another.
Texts are made from these numbers in `observed.sql`; how common each kind of mess is stands in `NOISE`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cm_core.sample_data.pools import (
    COMPANY_FORMS,
    COMPANY_KINDS,
    COMPANY_WORDS,
    DIRECTIONS,
    MAIL_DOMAINS,
    STREET_NAMES,
    STREET_TYPES,
    Floats,
    Ints,
    Pools,
)

Bools = npt.NDArray[np.bool_]

HEAD, SPOUSE, CHILD, JUNIOR, TRUST, ESTATE, COMPANY, CONTACT = range(8)
#: Kinds of household: (share, roles of its members). Every member is a person of its own in the truth.
HOUSEHOLDS: tuple[tuple[float, tuple[int, ...]], ...] = (
    (0.430, (HEAD,)),
    (0.300, (HEAD, SPOUSE)),
    (0.080, (HEAD, SPOUSE, CHILD)),
    (0.040, (HEAD, SPOUSE, CHILD, CHILD)),
    (0.015, (HEAD, JUNIOR)),
    (0.030, (HEAD, SPOUSE, TRUST)),
    (0.015, (HEAD, ESTATE)),
    (0.060, (COMPANY, CONTACT)),
    (0.030, (COMPANY,)),
)
#: Share of people that one, two, three, four source rows mention: 1.5 rows a person.
ROWS_PER_PERSON = (0.62, 0.28, 0.08, 0.02)
#: Share of rows per file, in the order of `generate.LAYOUTS`.
FILE_SHARE = (0.30, 0.25, 0.20, 0.10, 0.15)
#: How often each kind of mess happens, per row unless said otherwise.
NOISE: dict[str, float] = {
    "first_typo": 0.03, "last_typo": 0.025, "street_typo": 0.03, "zip_typo": 0.006, "phone_typo": 0.008,
    "email_typo": 0.008, "nickname": 0.10, "initial": 0.02, "swapped": 0.004, "nameless": 0.006, "no_address": 0.03,
    "moved_household": 0.10, "changed_surname_person": 0.05, "suffix_lost": 0.12, "senior_unmarked": 0.35,
    "bad_phone": 0.015, "bad_email": 0.01, "office_line": 0.004, "placeholder_email": 0.003,
    "couple_email_household": 0.004, "joint_row_of_couple": 0.35, "wrong_width": 0.001,
}  # fmt: skip


class _Draw:
    """Short names for vector draws from one seeded generator."""

    def __init__(self, seed: int, chunk: int) -> None:
        self.rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, chunk])))

    def chance(self, share: float | Floats, size: int) -> Bools:
        return self.rng.random(size) < share

    def below(self, high: int | Ints, size: int) -> Ints:
        return self.rng.integers(0, high, size)

    def by(self, cdf: Floats, size: int) -> Ints:
        return np.searchsorted(cdf, self.rng.random(size), side="right").astype(np.int64).clip(0, len(cdf) - 1)

    def typo(self, kind: str, size: int) -> Ints:
        """0 for no typo, else a number that says which and where (see the macro `typo`)."""
        return np.where(self.chance(NOISE[kind], size), self.below(1_000_000, size) + 1, 0)


def people_chunk(pools: Pools, *, seed: int, chunk: int, first_id: int, people: int) -> dict[str, Ints]:
    """Attributes of `people` persons with ids from `first_id`, as equally long integer arrays.

    `head` and `spouse` are positions inside the chunk (-1: none). Addresses are seven numbers each (see `_address`).
    """
    draw = _Draw(seed, chunk)
    shares = np.cumsum([share for share, _ in HOUSEHOLDS])
    kind = draw.by(shares / shares[-1], people)
    sizes = np.array([len(roles) for _, roles in HOUSEHOLDS])
    kind = kind[: int(np.searchsorted(np.cumsum(sizes[kind]), people)) + 1]
    households = len(kind)
    household = np.repeat(np.arange(households), sizes[kind])[:people]
    start = np.concatenate([[0], np.cumsum(sizes[kind])[:-1]])
    member = np.arange(people) - start[household]
    table = np.full((len(HOUSEHOLDS), int(sizes.max())), -1)
    for index, (_, roles) in enumerate(HOUSEHOLDS):
        table[index, : len(roles)] = roles
    role = table[kind[household], member]
    head = start[household]
    has_spouse = (table[kind] == SPOUSE).any(axis=1)
    spouse = np.where(has_spouse[household] & (role == HEAD) & (head + 1 < people), head + 1, -1)

    male = draw.chance(0.6, people)
    male = np.where(role == SPOUSE, ~male[head], male) | (role == JUNIOR)
    male |= (kind[household] == 4) & (role == HEAD)
    first = np.where(male, draw.by(pools.male_cdf, people), pools.female_from + draw.by(pools.female_cdf, people))
    first = np.where(role == JUNIOR, first[head], first)
    middle = np.where(male, draw.by(pools.male_cdf, people), pools.female_from + draw.by(pools.female_cdf, people))
    own_last = draw.by(pools.last_cdf, people)
    keeps_own = (role == CONTACT) | (((role == SPOUSE) | (role == CHILD)) & draw.chance(0.12, people))
    last = np.where(keeps_own, own_last, own_last[head])
    former = np.where(~male & draw.chance(NOISE["changed_surname_person"], people), draw.by(pools.last_cdf, people), -1)
    suffix = np.where((role == HEAD) & draw.chance(0.01, people), 3, 0)
    marked_senior = (kind[household] == 4) & (role == HEAD) & ~draw.chance(NOISE["senior_unmarked"], people)
    suffix = np.where(marked_senior, 1, suffix)
    suffix = np.where(role == JUNIOR, 2, suffix)
    age = np.where((role == CHILD) | (role == JUNIOR), 20 + draw.below(25, people), 45 + draw.below(45, people))
    dob = -(age * 365.25).astype(np.int64) + draw.below(365, people) + 20_000  # days since 1970, as of late 2024

    place = draw.by(pools.zip_cdf, households)
    place_old = draw.by(pools.zip_cdf, households)
    own_zip = draw.by(pools.zip_cdf, people)
    away = ((role == CHILD) | (role == JUNIOR)) & draw.chance(0.4, people)
    moved = draw.chance(NOISE["moved_household"], households)[household] & ~away
    out: dict[str, Ints] = {}
    current, old, own = _address(draw, households), _address(draw, households), _address(draw, people)
    for name in current:
        out[f"cur_{name}"] = np.where(away, own[name], current[name][household])
        out[f"old_{name}"] = np.where(moved, old[name][household], out[f"cur_{name}"])
    out["cur_zip"] = np.where(away, own_zip, place[household])
    near = draw.chance(0.4, households)
    old_zip = np.where(near, place, place_old)[household]
    out["old_zip"] = np.where(moved, old_zip, out["cur_zip"])
    box = draw.chance(0.12, people)
    out["box"] = np.where(box, 1 + draw.below(3000, people), 0)

    landline = _phone(draw, pools, place)[household]
    has_line = draw.chance(0.6, households)[household] | (role == COMPANY)
    out["landline"] = np.where(has_line & ~away, landline, 0)
    out["mobile"] = np.where(draw.chance(0.85, people) & (role != ESTATE), _phone(draw, pools, out["cur_zip"]), 0)
    out["mobile2"] = np.where(draw.chance(0.2, people) & (out["mobile"] > 0), _phone(draw, pools, out["old_zip"]), 0)
    has_mail = draw.chance(0.7, people) & (role != ESTATE)
    couple_mail = draw.chance(NOISE["couple_email_household"], households)[household] & (role == SPOUSE)
    out["mail_owner"] = np.where(has_mail, np.where(couple_mail, head, np.arange(people)), -1)
    out["mail_style"] = draw.below(5, people)
    # Two people never have one address, however many there are: as in life, and else the truth would be none.
    out["mail_number"] = 10 * (first_id + np.arange(people)) + draw.below(10, people)
    out["mail_domain"] = draw.below(len(MAIL_DOMAINS), people)
    out["org_word"] = np.where(draw.chance(0.5, people), draw.below(len(COMPANY_WORDS), people), -1)
    out["org_kind"] = draw.below(len(COMPANY_KINDS), people)
    out["org_form"] = draw.below(len(COMPANY_FORMS), people)
    out["trust_kind"] = draw.below(3, people)
    out["owner_number"] = draw.below(9_000_000, people) + 1_000_000
    out |= {
        "id": first_id + np.arange(people), "household": first_id + head, "role": role, "head": head, "spouse": spouse,
        "male": male.astype(np.int64), "first": first, "middle": np.where(draw.chance(0.85, people), middle, -1),
        "last": last, "former": former, "suffix": suffix, "dob": np.where(draw.chance(0.9, people), dob, -99_999),
        "moved": moved.astype(np.int64), "household_kind": kind[household],
    }  # fmt: skip
    return out


def _address(draw: _Draw, size: int) -> dict[str, Ints]:
    """number, street, type, direction, unit (0: none), kind (0 street, 1 PO box, 2 rural route)."""
    return {
        "number": draw.below(9_800, size) + 100,
        "street": draw.below(len(STREET_NAMES), size),
        "type": draw.below(len(STREET_TYPES), size),
        "direction": draw.below(len(DIRECTIONS), size),
        "unit": np.where(draw.chance(0.1, size), 1 + draw.below(400, size), 0),
        "kind": draw.by(np.array([0.86, 0.97, 1.0]), size),
    }


def _phone(draw: _Draw, pools: Pools, places: Ints) -> Ints:
    """Ten-digit NANP numbers with an area code of the ZIP; exchanges are never N11 nor 555."""
    size = len(places)
    area = pools.zip_area_codes[places, draw.below(3, size)]
    exchange = 200 + draw.below(800, size)
    bad = (exchange % 100 == 11) | (exchange == 555)
    exchange = np.where(bad, exchange + 2, exchange)
    return area * 10_000_000 + exchange * 10_000 + draw.below(10_000, size)


def rows_chunk(pools: Pools, people: dict[str, Ints], *, seed: int, chunk: int, total: int) -> dict[str, Ints]:
    """Source rows that mention the people of one chunk, shuffled: which file, and what went wrong in each."""
    draw = _Draw(seed + 7_919, chunk)
    count = len(people["id"])
    copies = draw.by(np.cumsum(ROWS_PER_PERSON), count) + 1
    person = np.repeat(np.arange(count), copies)
    draw.rng.shuffle(person)
    size = len(person)
    role = people["role"][person]
    legal = (role == TRUST) | (role == ESTATE) | (role == COMPANY)
    file = draw.by(np.cumsum(FILE_SHARE), size)
    file = np.where(legal & (file == 0), 1, file)
    file = np.where(legal & (file == 3), 2, file)
    out: dict[str, Ints] = {"person": person, "file": file}

    first = people["first"][person]
    short = pools.nicknames[first, draw.below(3, size)]
    nick = draw.chance(NOISE["nickname"], size) & (short >= 0)
    out["first"] = np.where(nick, short, first)
    out["nickname"] = (out["first"] != first).astype(np.int64)
    former = people["former"][person]
    out["last"] = np.where((former >= 0) & draw.chance(0.4, size), former, people["last"][person])
    out["other_surname"] = (out["last"] != people["last"][person]).astype(np.int64)
    out["middle"] = people["middle"][person]
    out["middle_shown"] = draw.by(np.array([0.4, 0.8, 1.0]), size)
    suffix = people["suffix"][person]
    out["suffix"] = np.where(draw.chance(NOISE["suffix_lost"], size), 0, suffix)
    joint = (people["spouse"][person] >= 0) & np.isin(file, (2, 4)) & draw.chance(NOISE["joint_row_of_couple"], size)
    partner = people["spouse"][person].clip(0)
    joint &= (people["last"][partner] == people["last"][person]) & (out["last"] == people["last"][person])
    out["joint"] = np.where(joint, partner, -1)
    out["joint_first"] = np.where(joint, people["first"][partner], 0)
    contact = (role == COMPANY) & (file == 1) & (person + 1 < count)
    contact &= people["role"][(person + 1).clip(0, count - 1)] == CONTACT
    contact &= draw.chance(0.7, size)
    out["contact"] = np.where(contact, person + 1, -1)
    partner = (person + 1).clip(0, count - 1)
    out["contact_first"] = np.where(contact, people["first"][partner], 0)
    out["contact_last"] = np.where(contact, people["last"][partner], 0)
    heads = people["head"][person]
    out["trust_first"] = people["first"][heads]
    for flag in ("initial", "swapped", "nameless", "no_address", "bad_phone", "bad_email", "wrong_width"):
        out[flag] = draw.chance(NOISE[flag], size).astype(np.int64)
    out["nameless"] &= np.isin(file, (0, 4)) & ~legal & ~joint
    for flag in ("first_typo", "last_typo", "street_typo", "zip_typo", "phone_typo", "email_typo"):
        out[flag] = draw.typo(flag, size)
    out["no_address"] &= out["nameless"] ^ 1
    out["swapped"] &= ~joint
    out["bad_phone"] &= out["nameless"] ^ 1

    use_old = (people["moved"][person] == 1) & draw.chance(0.35, size)
    for name in ("number", "street", "type", "direction", "unit", "kind", "zip"):
        out[name] = np.where(use_old, people[f"old_{name}"][person], people[f"cur_{name}"][person])
    out["moved"] = use_old.astype(np.int64)
    out["box"] = people["box"][person]
    out["age_days"] = np.where(use_old, 900, 0) + draw.below(1_500, size)

    mobile, line, second = people["mobile"][person], people["landline"][person], people["mobile2"][person]
    phone = np.where(draw.chance(0.55, size) & (mobile > 0), mobile, line)
    phone = np.where(draw.chance(0.2, size), 0, phone)
    other = np.where(draw.chance(0.5, size), line, second)
    other = np.where((other == phone) | draw.chance(0.6, size), 0, other)
    lines = max(3, total // 2_000)
    office = draw.chance(NOISE["office_line"], size)
    number = draw.below(lines, size)
    out["phone1"] = np.where(office, 9_186_400_000 + number * 37, phone)
    out["phone2"] = other
    out["office_line"] = office.astype(np.int64)
    out["phone_style"] = draw.below(10, size)
    owner = np.where(draw.chance(0.62, size), people["mail_owner"][person], -1)
    second_mail = (people["owner_number"][owner.clip(0)] % 4 == 0) & draw.chance(0.4, size)
    for name in ("mail_style", "mail_number", "mail_domain"):
        out[name] = people[name][owner.clip(0)]
    out["mail_domain"] = np.where(second_mail, (out["mail_domain"] + 5) % len(MAIL_DOMAINS), out["mail_domain"])
    out["mail"] = np.where(owner >= 0, 1, 0)
    out["mail"] = np.where(draw.chance(NOISE["placeholder_email"], size), 2, out["mail"])
    out["mail_first"], out["mail_last"] = people["first"][owner.clip(0)], people["last"][owner.clip(0)]
    out["dob"] = np.where(draw.chance(0.15, size), -99_999, people["dob"][person])
    out["letter_case"] = draw.by(np.array([0.45, 0.95, 1.0]), size)
    out["layout"] = draw.below(1_000_000, size)
    for name in ("id", "household", "owner_number", "org_word", "org_kind", "org_form", "trust_kind", "male",
                 "household_kind"):  # fmt: skip
        out[name] = people[name][person]
    out["suffix_lost"] = (out["suffix"] != suffix).astype(np.int64)
    out["joint_id"] = np.where(joint, people["id"][out["joint"].clip(0)], 0)
    out["contact_id"] = np.where(contact, people["id"][out["contact"].clip(0)], 0)
    out["role"] = role
    return out


def arrow(columns: dict[str, Any]) -> pa.Table:
    """The columns as one Arrow table, in batches small enough for DuckDB to scan with every thread."""
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    return pa.Table.from_batches(table.to_batches(max_chunksize=12_288))
