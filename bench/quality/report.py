"""Outcomes as one aligned table and as the page docs/linkage-quality.md."""

from __future__ import annotations

from collections.abc import Sequence

from bench.quality.figures import Figure, Outcome
from cm_core.compute import sql

_HEAD = "page_head.md"


def table(outcomes: Sequence[Outcome]) -> str:
    """One line a figure, in columns, goals beside them."""
    rows = [("data", "figure", "value", "of", "goal", "")]
    rows += [
        (outcome.data, figure.name, _value(figure), f"{figure.of:,}", _goal(figure), _mark(figure))
        for outcome in outcomes
        for figure in outcome.figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "".join(
        "  ".join(
            cell.ljust(width) if column in (0, 1, 5) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        + "\n"
        for row in rows
    )


def page(outcomes: Sequence[Outcome]) -> str:
    """The Markdown page: figures, goals that are missed, wrong answers by kind."""
    return "\n".join((sql(__package__, _HEAD), _figures(outcomes), _missed(outcomes), _wrong(outcomes)))


def _figures(outcomes: Sequence[Outcome]) -> str:
    lines = ["## Figures", "", "| data | figure | value | of | goal |", "|---|---|---:|---:|---:|"]
    lines += [
        f"| {outcome.data} | {figure.name} | {_value(figure)} | {figure.of:,} | {_goal(figure)} |"
        for outcome in outcomes
        for figure in outcome.figures
    ]
    return "\n".join(lines) + "\n"


def _missed(outcomes: Sequence[Outcome]) -> str:
    missed = [
        f"- {outcome.data}, {figure.name}: {_value(figure)}, goal {_goal(figure)}"
        for outcome in outcomes
        for figure in outcome.figures
        if not figure.reached
    ]
    return "\n".join(["## Goals not reached", "", *(missed or ["None."])]) + "\n"


def _wrong(outcomes: Sequence[Outcome]) -> str:
    lines = ["## What goes wrong", "", "Most frequent kinds first, with examples out of the data."]
    for outcome in outcomes:
        lines += ["", f"### {outcome.data[0].upper()}{outcome.data[1:]}", ""]
        for wrong in outcome.wrong:
            lines.append(f"- {wrong.kind}: {wrong.count:,}")
            lines += [f"    - `{example.replace('`', ' ')}`" for example in wrong.examples]
        if not outcome.wrong:
            lines.append("Nothing.")
    return "\n".join(lines) + "\n"


def _value(figure: Figure) -> str:
    return f"{figure.value:,.0f}" if figure.most else f"{figure.value:.4f}"


def _goal(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    return f"{figure.goal:,.0f}" if figure.most else f"{figure.goal:g}"


def _mark(figure: Figure) -> str:
    return "" if figure.reached else "missed"
