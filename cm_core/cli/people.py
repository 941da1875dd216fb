"""`cm lineage` and `cm explain`: where a person's values come from, and why two persons are one or not."""

from __future__ import annotations

from pathlib import Path

from cm_core import linkage
from cm_core.cli import output
from cm_core.errors import CmError, PersonError
from cm_core.settings import Settings
from cm_core.store.database import Database

#: Row numbers of an import that are shown to people; `--json` has them all.
_ROWS_SHOWN = 20


def lineage(settings: Settings, database: Database, person_id: int, *, as_json: bool) -> None:
    """Print the imports of a person, first to last, with what each brought and why it met this person."""
    found = linkage.lineage(settings, database, person_id)
    if as_json:
        output.print_json(found.as_json())
        return
    person = found.standing
    output.print_facts(
        {
            "person": person.person_id,
            "name": person.name,
            "status": person.status.replace("_", " "),
            "entity": person.entity_id,
            "golden record": person.golden_id,
            "merged from": ", ".join(map(str, person.duplicates)) or "nobody",
        }
    )
    output.print_table(
        ("import", "file", "imported at", "fields", "met by", "rows"),
        [
            (
                step.import_id,
                step.source_file,
                step.imported_at.replace(microsecond=0),
                ", ".join(step.fields),
                step.merge_reason,
                _shown(step.rows),
            )
            for step in found.steps
        ],
        title="Imports",
    )


def explain(settings: Settings, database: Database, one: int, other: int, *, chart: Path | None, as_json: bool) -> None:
    """Print why two persons are one or not, and write Splink's waterfall chart to `chart`.

    Raises CmError if the chart cannot be written, PersonError if there is nothing to draw.
    """
    with output.progress(f"comparing {one} and {other}"):
        found = linkage.explain(settings, database, one, other, with_chart=chart is not None)
    if as_json:
        output.print_json(found.as_json())
    else:
        _show(found)
    if chart is not None:
        _write(chart, found.chart)


def _show(found: linkage.Explanation) -> None:
    output.print_table(
        ("person", "name", "status", "entity", "golden record", "linked because"),
        [
            (p.person_id, p.name, p.status.replace("_", " "), p.entity_id, p.golden_id, p.link and p.link.reason)
            for p in found.persons
        ],
    )
    output.out.print(found.reason.words)
    if found.evidence:
        parts = ", ".join(f"{name} {points}" for name, points in found.evidence.parts.items())
        tier = found.evidence.tier or "none"
        facts = {"tier": tier, "score": f"{found.evidence.score} ({parts})", "in common": found.evidence.reason}
        output.print_facts(facts)
    if found.model:
        _show_model(found.model)
    for item in found.too_common:
        output.out.print(f"Too common to count: {item['kind']} {item['key']}, carried by {item['surnames']} surnames")


def _show_model(model: linkage.Score) -> None:
    rows = [("before looking (prior)", f"{model.prior_bits:+.1f}", "", "")]
    rows += [(said.words, f"{said.bits:+.1f}", *said.values) for said in model.contributions]
    rows.append(("all together", f"{model.bits:+.1f}", "", ""))
    output.print_table(("what", "bits", "first", "second"), rows, title=f"Model {model.version}")
    names = "the last dedupe" if model.has_base else "the census alone: there was no dedupe yet"
    output.print_facts(
        {
            "probability": f"{model.probability:.8f} (needed: {model.threshold:g})",
            "compared": " with ".join(_shown(side) for side in model.compared),
            "names counted in": f"{model.base_records:,} records; frequencies of {names}",
        }
    )


def _write(path: Path, page: str | None) -> None:
    if page is None:
        raise PersonError("There is no chart: the model compares only humans with a full name.")
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise CmError(f"Cannot write {path}: {error.strerror}.") from None
    output.err.print(f"Chart: {path}")


def _shown(rows: list[int]) -> str:
    more = f" … ({len(rows):,} in all)" if len(rows) > _ROWS_SHOWN else ""
    return ", ".join(map(str, rows[:_ROWS_SHOWN])) + more
