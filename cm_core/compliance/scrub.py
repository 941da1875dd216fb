"""A list scrubbed: every row gets a decision, the list is written back with it, and the decisions are kept for ever.

Records of what was decided, by which rules and list versions, are what a safe harbour asks for (16 CFR 310.5; 89 FR
26760): a Parquet file in the lake that is written once, and a row of `scrubs`.
"""

from __future__ import annotations

import csv
import hashlib
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from cm_core.compliance.contact_points import campaign_name
from cm_core.compliance.decision_records import SCHEMA, Answer, Decisions
from cm_core.compliance.facts import Contact, Facts, Home
from cm_core.compliance.judge import Judge, Question
from cm_core.compliance.lookup import Holding, facts_for
from cm_core.compliance.rule_book import load_rules
from cm_core.compliance.rules import CHANNELS, PURPOSES, Rules
from cm_core.compliance.scrub_lists import KINDS, Cell, ContactList, Row, read_campaign, read_file
from cm_core.compliance.verdicts import Verdict
from cm_core.compute.collector import without_collector
from cm_core.errors import CmError, UsageError
from cm_core.imports.records import actor, now
from cm_core.imports.registry import check_path, readable
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.store.ids import allot
from cm_core.store.locks import looking, transaction

if TYPE_CHECKING:
    from pymysql.connections import Connection

#: What is added to the list, for each column that is judged.
ADDED = ("verdict", "code", "reason", "valid_until", "usable_from")
_NOTHING = ("",) * len(ADDED)
_INSERT = """
insert into scrubs (scrub_id, filename, campaign_id, channel, purpose, as_of, row_count, allowed_count, lake_key,
    checksum_sha256, rules_fingerprint, requested_by)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True)
class Scrub:
    """What one scrub came to. `counts` has verdict, code, reason_code, reason and how many rows, largest first."""

    scrub_id: str
    source: str
    out: Path
    channel: str
    purpose: str
    as_of: datetime
    rows: int
    allowed: int
    counts: tuple[tuple[str, str, str, str, int], ...]
    decisions: str
    checksum_sha256: str
    rules_fingerprint: str


def scrub(
    settings: Settings,
    database: Database,
    path: Path | None,
    *,
    channel: str,
    purpose: str = "solicitation",
    at: datetime | None = None,
    campaign_id: int | None = None,
    out: Path | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> Scrub:
    """Scrub the list in `path`, or without one the people of the campaign, and write it to `out` as CSV.

    Every row is kept, in order, with what `ADDED` names behind its own columns; of several columns that are judged each
    has its own. A row is allowed if every contact point in it is. `at` is naive UTC, by default now; a campaign's own
    caps count if one is given. The list is written last: where it is, the record is.

    Raises UsageError, FileRejected, RulesError, StoreError or DatabaseUnavailable; nothing is written then.
    """
    if channel not in CHANNELS or purpose not in PURPOSES:
        raise UsageError(f"No channel {channel!r} or no purpose {purpose!r}.")
    if path is None and campaign_id is None:
        raise UsageError("Name a file to scrub, or a campaign.")
    if path is not None:
        check_path(path)
    if out is not None and out.exists():
        raise UsageError(f"{out} exists already; name another --out.")
    rules, started = load_rules(), now()
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scrub-", dir=settings.scratch_dir)))
        connection = stack.enter_context(closing(database.connect()))
        with looking(connection):
            campaign = campaign_name(connection, campaign_id) if campaign_id is not None else None
            question = Question(channel, purpose, at or started, campaign)
            found = (
                read_file(settings, path, channel, folder / "source")
                if path is not None
                else read_campaign(connection, campaign_id or 0, channel)
            )
            run = _Run(settings, connection, rules, question, found, folder)
            with without_collector():
                run.run(progress)
        scrub_id = _new_id(connection, started)
        source = readable(path.name) if path is not None else f"campaign {campaign}"
        out = out or (path.with_name(f"{path.stem}_{scrub_id}.csv") if path else Path(f"{scrub_id}.csv"))
        key = f"decisions/{started:%Y/%m}/{scrub_id}.parquet"
        checksum = hashlib.sha256(run.record.read_bytes()).hexdigest()
        lake(settings).put_file(run.record, key, write_once=True)
        with transaction(connection), connection.cursor() as cursor:
            cursor.execute(
                _INSERT,
                (
                    scrub_id, source[-255:], campaign_id, channel, purpose, question.at, run.rows, run.allowed, key,
                    checksum, rules.fingerprint, actor(),
                ),
            )  # fmt: skip
        _publish(run.list, out)
    return Scrub(
        scrub_id, source, out, channel, purpose, question.at, run.rows, run.allowed,
        tuple((*what, n) for what, n in run.counts.most_common()), lake(settings).url(key), checksum,
        rules.fingerprint,
    )  # fmt: skip


class _Run:
    """Judges the rows of a list, writing the list and the record into files of a scratch folder."""

    def __init__(
        self,
        settings: Settings,
        connection: Connection[Any],
        rules: Rules,
        question: Question,
        found: ContactList,
        folder: Path,
    ) -> None:
        self._settings, self._connection, self._rules, self._question = settings, connection, rules, question
        self._found, self._kind = found, KINDS[question.channel]
        self._judge = Judge(question, rules)
        self.list, self.record = folder / "list.csv", folder / "decisions.parquet"
        self.rows = self.allowed = 0
        self.counts: Counter[tuple[str, str, str, str]] = Counter()
        #: Of one batch, in which many rows have the same verdict: its texts, and the rows that it decides about.
        self._seen: dict[int, tuple[Verdict, tuple[str, ...]]] = {}
        self._decided: Counter[int] = Counter()

    def run(self, progress: Callable[[int], None]) -> None:
        """Write both files; `rows`, `allowed` and `counts` are known then."""
        with self.list.open("w", newline="", encoding="utf-8") as out, pq.ParquetWriter(self.record, SCHEMA) as record:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow((*self._found.headers, *added_headers(self._found.headers, self._found.judged)))
            for rows in self._found.batches():
                decisions = Decisions()
                for row, answers in zip(rows, self._answers(rows), strict=True):
                    writer.writerow((*row.cells, *(text for answer in answers for text in self._shown(answer))))
                    decisions.add(row, self._found.judged, answers)
                    worst = min((found for _, found in filter(None, answers)), key=_precedence)
                    self._decided[id(worst)] += 1
                self._count(len(rows))
                record.write_table(decisions.table(self._question, self._rules.fingerprint))
                progress(self.rows)

    def _count(self, rows: int) -> None:
        """Take the batch into the counts: rows by what is strictest in them."""
        for key, count in self._decided.items():
            said = self._seen[key][0]
            self.counts[said.verdict, said.code, said.reason_code, said.reason] += count
            self.allowed += count * (said.verdict == "allowed")
        self.rows += rows
        self._seen.clear()
        self._decided.clear()

    def _shown(self, answer: Answer) -> tuple[str, ...]:
        if answer is None:
            return _NOTHING
        found = answer[1]
        if id(found) not in self._seen:
            times = _time(found.valid_until), _time(found.usable_from)
            self._seen[id(found)] = found, (found.verdict, found.code, found.reason, *times)
        return self._seen[id(found)][1]

    def _answers(self, rows: Sequence[Row]) -> Iterator[list[Answer]]:
        """For each row the answers about its judged cells; None about a blank cell beside others."""
        distinct = {one.contact.key: one for row in rows for cell in row.judged for one in cell.asked}
        holdings = facts_for(
            self._settings, self._connection, self._kind, [*distinct.values()], at=self._question.at, rules=self._rules
        )
        known: dict[tuple[int, tuple[Home, ...]], Answer] = {}
        for row in rows:
            if row.malformed is not None:
                yield [(None, _malformed(row.malformed)), *[None] * (len(row.judged) - 1)]
                continue
            answers: list[Answer] = []
            for cell in row.judged:
                asked = (id(cell), row.homes)  # rows with the same text have the same cell
                if asked not in known:
                    known[asked] = self._answer(cell, row.homes, holdings)
                answers.append(known[asked])
            if not any(answers):
                blank = Contact(self._kind, "", invalid_reason="blank")
                answers[0] = (None, self._judge.judge(blank, [Holding(None, None, Facts())]))
            yield answers

    def _answer(self, cell: Cell, homes: tuple[Home, ...], holdings: Mapping[str, list[Holding]]) -> Answer:
        """The strictest for the contact points of a cell, and when all of them may be used."""
        asked = [(one.contact, holdings[one.contact.key]) for one in cell.asked]
        found = [(contact.key, self._judge.judge(contact, held, homes)) for contact, held in asked]
        if len(found) < 2:
            return found[0] if found else None
        first, _ = min(found, key=lambda one: one[1].precedence)
        return first, self._judge.together(asked, homes)


def added_headers(headers: Sequence[str], judged: Sequence[str]) -> list[str]:
    """The headers of what is added: of several judged columns with their names before; none that is there already."""
    taken = set(headers)
    found = []
    for column in judged:
        for name in ADDED:
            header = name if len(judged) == 1 else f"{column} {name}"
            while header in taken:
                header += "_scrub"
            taken.add(header)
            found.append(header)
    return found


def _precedence(found: Verdict) -> int:
    return found.precedence


def _time(at: datetime | None) -> str:
    return "" if at is None else at.isoformat(sep=" ", timespec="seconds")


def _malformed(reason: str) -> Verdict:
    """Of a row that cannot be read: whom it names is not known."""
    return Verdict(
        "blocked", "M", "malformed_row", f"The row cannot be read: {reason}", None, ("malformed_row",), (), None, None
    )


def _new_id(connection: Connection[Any], started: datetime) -> str:
    with transaction(connection):
        number = allot(connection, f"scrub_{started:%Y_%m_%d}", 1)
    return f"scrub_{started:%Y_%m_%d}_{number:03d}"


def _publish(path: Path, out: Path) -> None:
    """Put the list in its place in one step."""
    partial = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        shutil.copyfile(path, partial)
        partial.replace(out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CmError(
            f"Cannot write {out}: {error.strerror}. The decisions are recorded; name another --out."
        ) from None
