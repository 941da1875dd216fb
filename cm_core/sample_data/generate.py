"""Writes the sample lists: draws numbers chunk by chunk, lets DuckDB spell them, appends the lines to the files.

What people and mess there are is drawn in `population`; how it is written stands in the `.sql` files here.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from cm_core.compute.session import sql
from cm_core.errors import UsageError
from cm_core.sample_data import pools as pool_lists
from cm_core.sample_data.pools import Ints, Pools
from cm_core.sample_data.population import arrow, people_chunk, rows_chunk

#: People drawn at a time: bounds memory at about 200 MB.
CHUNK = 50_000
#: File name, header, query of each contact list; the order is that of `population.FILE_SHARE`.
LAYOUTS: tuple[tuple[str, str, str], ...] = (
    (
        "mineral_owners.csv",
        "Owner Number,Prefix,First Name,Middle Name,Last Name,Suffix,Address 1,Address 2,City,State,Zip,Phone 1,"
        "Phone 2,Email,Date of Birth",
        "layout_owners.sql",
    ),
    (
        "royalty_owners.csv",
        "Owner ID|Company|Contact Name|First Name|Last Name|Street Address|City|ST|ZIP Code|Home Phone|Cell Phone|"
        "Email Address|Last Updated",
        "layout_royalty.sql",
    ),
    ("county_roll.csv", "Owner Name\tMailing Address\tCity\tState\tZip\tTelephone", "layout_roll.sql"),
    (
        "residents.csv",
        "FirstName,MiddleName,LastName,NameSuffix,BirthDate,ResidentialAddress,ResidentialCity,ResidentialState,"
        "ResidentialZip,MailingAddress,MailingCity,MailingState,MailingZip,Phone",
        "layout_residents.sql",
    ),
    ("crm_export.csv", "Full Name,Email,Mobile Phone,Work Phone,Address", "layout_crm.sql"),
)
DNC_FILE = "dnc_registry.csv"
OPT_OUT_FILE = "opt_outs.csv"
CAMPAIGN_FILE = "campaigns.csv"
TOUCHPOINT_FILE = "touchpoints.csv"
TRUTH_FILE = "truth.csv"
_CAMPAIGN_HEADER = "Campaign Code,Campaign Name,Channel,Start Date,End Date"
_TOUCHPOINT_HEADER = (
    "Channel,Date,Phone,Email,First Name,Last Name,Address,City,State,Zip,Status,Campaign,Duration,Touchpoint ID"
)
_TRUTH_HEADER = "file,row_number,party_no,true_person_id,household_id,role,noise"


@dataclass(frozen=True)
class SampleData:
    """What was written. `files` are the contact lists, `rows` counts their data records, wrong ones included."""

    files: tuple[Path, ...]
    dnc_path: Path
    opt_outs_path: Path
    campaigns_path: Path
    touchpoints_path: Path
    truth_path: Path
    people: int
    rows: int


def generate(
    people: int,
    seed: int,
    out: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    on_chunk: Callable[[duckdb.DuckDBPyConnection, int], None] | None = None,
) -> SampleData:
    """Write five contact lists, suppressions, campaigns, touchpoints and the truth about `people` persons into `out`.

    The same `people` and `seed` give the same bytes. About 1.5 rows a person. `progress(done, total)` is called after
    every chunk of people. `on_chunk(connection, chunk)` may look at the table `observed` (one row per source row, the
    values as the source has them) before it is replaced. Raises UsageError if `people` is not positive or `out` is a
    file.
    """
    if people < 1:
        raise UsageError(f"--people must be at least 1, not {people}.")
    if seed < 0:
        raise UsageError(f"--seed must not be negative, not {seed}.")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; --out needs a folder.")
    out.mkdir(parents=True, exist_ok=True)
    pools = pool_lists.pools()
    names = [name for name, _, _ in LAYOUTS]
    with ExitStack() as stack:
        connection = stack.enter_context(duckdb.connect(config={"threads": 2, "memory_limit": "1GB"}))
        connection.execute("set enable_progress_bar = false")
        connection.execute(sql(__package__, "macros.sql"))
        writers = {
            name: stack.enter_context((out / name).open("wb"))
            for name in [*names, DNC_FILE, OPT_OUT_FILE, CAMPAIGN_FILE, TOUCHPOINT_FILE, TRUTH_FILE]
        }
        for name, header, _ in LAYOUTS:
            writers[name].write(header.encode() + b"\n")
        writers[OPT_OUT_FILE].write(b"channel,phone,email,date,reason\n")
        writers[CAMPAIGN_FILE].write(_CAMPAIGN_HEADER.encode() + b"\n")
        _append(connection, sql(__package__, "campaigns.sql"), writers[CAMPAIGN_FILE])
        writers[TOUCHPOINT_FILE].write(_TOUCHPOINT_HEADER.encode() + b"\n")
        writers[TRUTH_FILE].write(_TRUTH_HEADER.encode() + b"\n")
        counts = np.zeros(len(LAYOUTS), dtype=np.int64)
        for chunk, first in enumerate(range(0, people, CHUNK)):
            size = min(CHUNK, people - first)
            drawn = people_chunk(pools, seed=seed, chunk=chunk, first_id=first + 1, people=size)
            rows = rows_chunk(pools, drawn, seed=seed, chunk=chunk, total=people)
            rows["row_number"] = _number_rows(rows["file"], counts)
            _observe(connection, pools, drawn, rows)
            for name, _, query in LAYOUTS:
                _append(connection, sql(__package__, query), writers[name])
            _append(connection, sql(__package__, "truth.sql"), writers[TRUTH_FILE], {"files": names})
            _append(connection, sql(__package__, "dnc.sql"), writers[DNC_FILE])
            _append(connection, sql(__package__, "opt_outs.sql"), writers[OPT_OUT_FILE])
            _append(connection, sql(__package__, "touchpoints.sql"), writers[TOUCHPOINT_FILE])
            if on_chunk:
                on_chunk(connection, chunk)
            if progress:
                progress(first + size, people)
    return SampleData(
        files=tuple(out / name for name in names),
        dnc_path=out / DNC_FILE,
        opt_outs_path=out / OPT_OUT_FILE,
        campaigns_path=out / CAMPAIGN_FILE,
        touchpoints_path=out / TOUCHPOINT_FILE,
        truth_path=out / TRUTH_FILE,
        people=people,
        rows=int(counts.sum()),
    )


def read_truth(path: Path) -> dict[tuple[str, int, int], int]:
    """True person id by (file name, row number, party number)."""
    with path.open(newline="", encoding="ascii") as lines:
        return {
            (row["file"], int(row["row_number"]), int(row["party_no"])): int(row["true_person_id"])
            for row in csv.DictReader(lines)
        }


def _number_rows(file: Ints, counts: Ints) -> Ints:
    """1-based record number of each row within its file; moves `counts` on."""
    numbers = np.zeros(len(file), dtype=np.int64)
    for index in range(len(counts)):
        mask = file == index
        found = int(mask.sum())
        numbers[mask] = counts[index] + 1 + np.arange(found)
        counts[index] += found
    return numbers


def _observe(
    connection: duckdb.DuckDBPyConnection, pools: Pools, people: dict[str, Ints], rows: dict[str, Ints]
) -> None:
    """Build the table `observed` from the drawn numbers with texts of the pools beside them."""
    head = people["head"][rows["person"]]
    columns: dict[str, Any] = dict(rows)
    columns["position"] = np.arange(len(rows["person"]))
    texts: Mapping[str, tuple[Ints, list[str] | tuple[str, ...]]] = {
        "first_text": (rows["first"], pools.first),
        "last_text": (rows["last"], pools.last),
        "middle_text": (rows["middle"], pools.first),
        "joint_first": (rows["joint_first"], pools.first),
        "contact_first": (rows["contact_first"], pools.first),
        "contact_last": (rows["contact_last"], pools.last),
        "trust_first": (rows["trust_first"], pools.first),
        "mail_first": (rows["mail_first"], pools.first),
        "mail_last": (rows["mail_last"], pools.last),
        "org_last": (people["last"][head], pools.last),
        "city_text": (rows["zip"], pools.cities),
        "state_text": (rows["zip"], pools.states),
        "zip_text": (rows["zip"], pools.zips),
        "street_text": (rows["street"], pool_lists.STREET_NAMES),
        "type_text": (rows["type"], pool_lists.STREET_TYPES),
        "type_long": (rows["type"], pool_lists.STREET_TYPES_LONG),
        "direction_text": (rows["direction"], pool_lists.DIRECTIONS),
        "direction_long": (rows["direction"], pool_lists.DIRECTIONS_LONG),
        "word_text": (rows["org_word"], pool_lists.COMPANY_WORDS),
        "kind_text": (rows["org_kind"], pool_lists.COMPANY_KINDS),
        "domain_text": (rows["mail_domain"], pool_lists.MAIL_DOMAINS),
    }
    for name, (indexes, values) in texts.items():
        columns[name] = _text(indexes, values)
    forms = [spelling for spellings in pool_lists.COMPANY_FORMS for spelling in spellings]
    columns["form_text"] = _text(rows["org_form"] * 3 + rows["layout"] % 3, forms)
    connection.register("drawn", arrow(columns))
    connection.register("people", arrow(people))
    connection.execute(sql(__package__, "observed.sql"))
    connection.unregister("drawn")


def _text(indexes: Ints, values: list[str] | tuple[str, ...]) -> pa.Array:
    """Texts by position; a negative position is null."""
    positions = pa.array(indexes.astype(np.int32), mask=indexes < 0)
    return pa.array(values).take(positions)


def _append(
    connection: duckdb.DuckDBPyConnection, query: str, out: BufferedWriter, params: dict[str, Any] | None = None
) -> None:
    """Write the single text column of `query` as it is: the lines bring their own line ends."""
    lines = connection.sql(query, params=params).to_arrow_table().column("line")
    for chunk in lines.chunks:
        if len(chunk):
            width = np.int64 if pa.types.is_large_string(chunk.type) else np.int32
            _, offsets, data = chunk.buffers()
            bounds = np.frombuffer(offsets, dtype=width)[chunk.offset : chunk.offset + len(chunk) + 1]
            out.write(memoryview(data)[int(bounds[0]) : int(bounds[-1])])
