"""Records of decisions: which contact point got which verdict, by which rules and list versions, as of when.

One row per cell that was judged, in Parquet. They are written once and kept (16 CFR 310.5; `decision_retention`).
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from cm_core.compliance.judge import Question
from cm_core.compliance.scrub_lists import Row
from cm_core.compliance.verdicts import Verdict

SCHEMA = pa.schema(
    [
        ("row_number", pa.int64()), ("column", pa.string()), ("raw", pa.string()), ("contact", pa.string()),
        ("verdict", pa.string()), ("code", pa.string()), ("reason_code", pa.string()), ("reason", pa.string()),
        ("evidence", pa.string()), ("rule_ids", pa.list_(pa.string())), ("list_versions", pa.list_(pa.string())),
        ("valid_until", pa.timestamp("us")), ("usable_from", pa.timestamp("us")), ("channel", pa.string()),
        ("purpose", pa.string()), ("as_of", pa.timestamp("us")), ("rules_fingerprint", pa.string()),
    ]
)  # fmt: skip
_OF_VERDICT = (
    "verdict", "code", "reason_code", "reason", "evidence", "rule_ids", "list_versions", "valid_until", "usable_from",
)  # fmt: skip
_OF_ALL = ("channel", "purpose", "as_of", "rules_fingerprint")
#: The contact point that decided about a cell, and the verdict on it; None: the cell is blank.
Answer = tuple[str | None, Verdict] | None


class Decisions:
    """The decisions on a batch of rows, as columns."""

    def __init__(self) -> None:
        self._places: list[tuple[int, str, str | None, str | None]] = []
        self._verdicts: list[Verdict] = []

    def add(self, row: Row, judged: Sequence[str], answers: Sequence[Answer]) -> None:
        """Take in the answers about the judged cells of a row; `judged` are the names of their columns."""
        for column, cell, answer in zip(judged, row.judged, answers, strict=True):
            if answer is not None:
                self._places.append((row.number, column, cell.raw, answer[0]))
                self._verdicts.append(answer[1])

    def table(self, question: Question, fingerprint: str) -> pa.Table:
        """The rows so far, by `SCHEMA`."""
        count = len(self._verdicts)
        places = zip(*self._places, strict=True) if count else ([], [], [], [])
        arrays = [pa.array(column, field.type) for column, field in zip(places, SCHEMA, strict=False)]
        # Many rows have the same verdict: each is turned into columns once.
        distinct = {id(found): found for found in self._verdicts}
        positions = {key: position for position, key in enumerate(distinct)}
        which = pa.array([positions[id(found)] for found in self._verdicts], pa.int32())
        for name in _OF_VERDICT:
            said = pa.array([getattr(found, name) for found in distinct.values()], SCHEMA.field(name).type)
            arrays.append(said.take(which))
        for name, value in zip(_OF_ALL, (question.channel, question.purpose, question.at, fingerprint), strict=True):
            arrays.append(pa.repeat(pa.scalar(value, SCHEMA.field(name).type), count))
        return pa.Table.from_arrays(arrays, schema=SCHEMA)
