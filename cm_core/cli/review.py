"""`cm review`: the pairs that a person should look at, and what people decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cm_core.cli import output
from cm_core.cli.ready import ready

if TYPE_CHECKING:
    from cm_core.linkage.decisions import Decision

review_app = typer.Typer(
    help="Who is who, where people have to say: look at pairs in doubt, decide, undo. Decisions always win.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the decision.", show_default=False)]
Person = Annotated[int, typer.Argument(metavar="ID", help="A person's id.", show_default=False)]
Other = Annotated[int, typer.Argument(metavar="ID2", help="The other person's id.", show_default=False)]

_PAIRS = (
    "person_id",
    "name",
    "other_id",
    "other_name",
    "cause",
    "match_probability",
    "match_score",
    "match_reason",
    "value",
)
_DECISIONS = ("id", "decision", "person_id", "other_id", "decided_by", "decided_at", "reason", "undone_by", "undone_at")
_NEXT = "It takes effect with the next run of linkage: cm dedupe."


@review_app.command("list")
def list_pairs(
    limit: Annotated[int, typer.Option(min=1, help="Pairs to show.")] = 20,
    decisions: Annotated[bool, typer.Option("--decisions", help="Show what was decided instead, undone too.")] = False,
    as_json: Json = False,
) -> None:
    """Show the pairs that wait for a decision, those first whose answer is worth most."""
    from cm_core.linkage import decisions as made
    from cm_core.linkage import review

    _, database = ready()
    if decisions:
        found = made.decisions(database, also_undone=True)
        if as_json:
            output.print_json([decision.as_json() for decision in found])
        else:
            output.print_table(_DECISIONS, [[getattr(decision, name) for name in _DECISIONS] for decision in found])
        return
    pairs, total = review.waiting(database, limit)
    if as_json:
        output.print_json({"waiting": total, "pairs": pairs})
        return
    output.print_table(_PAIRS, [[pair[name] for name in _PAIRS] for pair in pairs])
    output.out.print(f"{total:,} pairs wait. cm review show ID ID2 shows one; cm review same|different ID ID2 decides.")


@review_app.command()
def show(person: Person, other: Other, as_json: Json = False) -> None:
    """Show two persons side by side, why they are in doubt, and what was decided about them."""
    from cm_core.linkage import review

    _, database = ready()
    pair = review.side_by_side(database, person, other)
    if as_json:
        output.print_json(pair)
        return
    one, two = pair["persons"]
    output.print_table(
        ("", str(one["person_id"]), str(two["person_id"])),
        [[name, _lines(one[name]), _lines(two[name])] for name in one if name != "person_id"],
    )
    if pair["waiting"]:
        output.print_facts({name.replace("_", " "): value for name, value in pair["waiting"].items()})
    for decision in pair["decisions"]:
        output.out.print(decision["in_words"])


@review_app.command()
def same(person: Person, other: Other, reason: Reason = None, as_json: Json = False) -> None:
    """Decide that two persons are one."""
    from cm_core.linkage import decisions

    _, database = ready()
    _say(decisions.decide(database, "same", person, other, reason=reason), as_json=as_json)


@review_app.command()
def different(person: Person, other: Other, reason: Reason = None, as_json: Json = False) -> None:
    """Decide that two persons are two, whatever they share; parts them if they were linked."""
    from cm_core.linkage import decisions

    _, database = ready()
    _say(decisions.decide(database, "different", person, other, reason=reason), as_json=as_json)


@review_app.command()
def golden(person: Person, reason: Reason = None, as_json: Json = False) -> None:
    """Decide that a person is the golden record of all who are the same."""
    from cm_core.linkage import decisions

    _, database = ready()
    _say(decisions.decide(database, "golden", person, reason=reason), as_json=as_json)


@review_app.command()
def undo(
    decision: Annotated[int, typer.Argument(metavar="DECISION", help="Its number.", show_default=False)],
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Take a decision back; what it changed is as it was after the next run of linkage."""
    from cm_core.linkage import decisions

    _, database = ready()
    _say(decisions.undo(database, decision, reason=reason), as_json=as_json)


def _say(decision: Decision, *, as_json: bool) -> None:
    if as_json:
        output.print_json(decision.as_json())
        return
    undone = f"; undone by {decision.undone_by}" if decision.undone_at else ""
    output.out.print(f"{decision.in_words()}{undone}. {_NEXT}")


def _lines(value: Any) -> Any:
    return "\n".join(map(str, value)) if isinstance(value, list) else value
