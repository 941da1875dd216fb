"""How a plan of a push and what became of it are shown to people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cm_core.cli import output

if TYPE_CHECKING:
    from cm_core.crm import Applied, PlanRow, Step
    from cm_core.settings import Settings

_LONGEST = 60
_COLUMNS = ("action", "entity", "person there", "field", "before", "after", "why")
#: Counts of a plan beside its steps.
_NOTED = ("settled_for_the_crm", "author_unknown", "asked", "merges_put_off")


def show_plan(plan: PlanRow, steps: Sequence[Step], left: int | None, settings: Settings) -> None:
    """A plan: how many steps of what kind, what they cost, and the first of them field by field."""
    counts = plan.counts
    facts: dict[str, Any] = {"plan": plan.plan_id, "state": plan.state}
    facts |= {name: f"{counts.get(name, 0):,}" for name in ("create", "update", "merge", "nothing")}
    facts |= {name.replace("_", " "): f"{counts[name]:,}" for name in _NOTED if counts.get(name)}
    facts |= {f"left out: {why}": f"{count:,}" for why, count in counts.get("left_out", {}).items()}
    facts |= {"tokens": f"{plan.tokens:,}", "tokens left today": None if left is None else f"{left:,}"}
    facts["time"] = _duration(plan.seconds)
    daily = max(1, settings.pipedrive_daily_tokens - settings.pipedrive_reserve_tokens)
    if left is not None and plan.tokens > left:
        facts["days"] = f"today and {-(-(plan.tokens - left) // daily)} more, by CM_PIPEDRIVE_DAILY_TOKENS"
    output.print_facts(facts)
    if fields := counts.get("fields"):
        output.print_table(("field", "people"), sorted(fields.items(), key=lambda item: (-item[1], item[0])))
    if steps:
        shown = sum(plan.steps.values())
        title = f"The first {len(steps)} of {shown:,} steps" if shown > len(steps) else "Steps"
        output.print_table(_COLUMNS, [row for step in steps for row in _rows(step)], title=title)


def show_applied(done: Applied) -> None:
    """What an apply came to."""
    facts: dict[str, Any] = {"plan": done.plan_id, "state": done.state}
    facts |= {f"steps {state}": f"{count:,}" for state, count in sorted(done.steps.items())}
    facts |= {"looked up": done.resolved or None, "waits for": done.waits_for}
    if done.usage:
        facts |= {"requests": done.usage.requests, "tokens": f"{done.usage.tokens:,}"}
        facts |= {"waited": _duration(done.usage.waited_seconds)}
    output.print_facts({name: value for name, value in facts.items() if value is not None})


def _rows(step: Step) -> list[tuple[Any, ...]]:
    who = (step.action, step.entity_id, step.crm_person_id)
    return [
        (*(who if place == 0 else ("", "", "")), change["field"], _text(change["before"]), _text(change["after"]),
         change["why"])
        for place, change in enumerate(step.changes or ({"field": "", "before": "", "after": "", "why": ""},))
    ]  # fmt: skip


def _text(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
