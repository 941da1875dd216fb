"""`cm why`: whether a contact point may be used, and what speaks for and against it."""

from __future__ import annotations

from datetime import UTC, datetime

from cm_core.cli import output
from cm_core.compliance.places import EVERYWHERE
from cm_core.compliance.why import Answer, why
from cm_core.errors import UsageError
from cm_core.settings import Settings
from cm_core.store.database import Database

_GROUNDS = ("finding", "verdict", "at that time", "evidence", "from", "until")
_WORDS = {"blocked": "no", "review": "not before a person has decided", "wait": "not now", "allowed": "yes"}


def show(
    settings: Settings,
    database: Database,
    target: str,
    *,
    channel: str | None,
    purpose: str,
    at: datetime,
    as_json: bool,
) -> None:
    """Print the answers about a phone number, an e-mail address or a person's contact points."""
    answers = why(settings, database, target, channel=channel, purpose=purpose, at=at)
    if as_json:
        output.print_json({"at": at, "purpose": purpose, "answers": [answer.as_json() for answer in answers]})
        return
    output.out.print(f"As of {at:%Y-%m-%d %H:%M:%S} UTC, for {purpose}:")
    for answer in answers:
        _show(answer)


def _show(answer: Answer) -> None:
    said = answer.verdict
    whose = "nobody here has it" if answer.entity_id is None else f"entity {answer.entity_id}"
    output.out.print("")
    output.out.print(f"{answer.channel} {answer.contact} ({whose}): {_WORDS[said.verdict]}")
    facts = {
        "verdict": f"{said.verdict}, {said.code}, {said.reason_code}", "reason": said.reason, "evidence": said.evidence,
        "usable from": said.usable_from, "nothing changes until": said.valid_until,
        "lists": "; ".join(said.list_versions), "places": "; ".join(answer.places).replace(EVERYWHERE, "anywhere"),
    }  # fmt: skip
    output.print_facts({f"  {name}": value for name, value in facts.items() if value not in (None, "")})
    if answer.grounds:
        output.print_table(
            _GROUNDS,
            [
                (ground.reason_code, ground.verdict, ground.counts, ground.evidence, ground.begins, ground.ends)
                for ground in answer.grounds
            ],
        )


def moment(text: str | None) -> datetime:
    """A time on the command line as naive UTC: ISO 8601, UTC where it names no zone; None is now. Raises UsageError."""
    if text is None:
        return datetime.now(UTC).replace(tzinfo=None)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time. Write YYYY-MM-DDTHH:MM, with a zone such as -06:00, or UTC.") from None
    return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
