"""`cm suppress`, `reconsent`, `facts`, `forget` and `optouts`: what people record about contact points, and look up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cm_core.cli import output
from cm_core.cli.ready import ready

if TYPE_CHECKING:
    from cm_core.compliance.by_hand import Recorded
    from cm_core.compliance.suspicions import Decided


class Channel(StrEnum):
    """Ways to reach somebody."""

    call = "call"
    sms = "sms"
    email = "email"
    mail = "mail"
    all = "all"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Who = Annotated[
    str | None,
    typer.Argument(metavar="PHONE|EMAIL|PERSON_ID", help="Of whom; known or not.", show_default=False),
]
Address = Annotated[str | None, typer.Option(help='A postal address: "1 Elm St, Tulsa, OK 74101".', show_default=False)]
Name = Annotated[str | None, typer.Option(help="A person's name, with --zip.", show_default=False)]
Zip = Annotated[str | None, typer.Option("--zip", help="ZIP of the name or the address.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why; kept with the fact.", show_default=False)]
Source = Annotated[str, typer.Option(help="Where it comes from.")]
By = Annotated[str | None, typer.Option(help="Who records it; default: the system user.", show_default=False)]
At = Annotated[
    datetime | None, typer.Option(help="When it was, UTC; default: now.", show_default=False, formats=["%Y-%m-%d",
                                  "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"])
]  # fmt: skip
Ids = Annotated[list[int], typer.Argument(metavar="ID…", help="Numbers of messages in the queue.", show_default=False)]

optouts_app = typer.Typer(
    help="Messages that read like an opt-out: look at them, confirm or dismiss. Until then they hold.",
    no_args_is_help=True,
)
_OPT_OUTS = ("id", "channel", "about", "opted_out_at", "reason", "source", "recorded_by", "import_id", "row_number")
_FACTS = ("id", "fact", "value", "channel", "about", "starts_at", "ends_at", "reason", "source", "recorded_by",
          "import_id", "row_number")  # fmt: skip
_NEXT = "The marts have it with their next build: cm dedupe, or the job marts."
_QUEUE = ("id", "starts_at", "contact_key", "person_id", "value", "reason", "source", "import_id", "row_number")


def suppress(
    channel: Annotated[Channel, typer.Option(help="What to stop.", show_default=False)],
    reason: Reason,
    who: Who = None,
    address: Address = None,
    name: Name = None,
    zip_code: Zip = None,
    source: Source = "by_hand",
    by: By = None,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Record that somebody asked to be left alone. Permanent; works for people who are not known yet."""
    from cm_core.compliance import by_hand
    from cm_core.compliance.subjects import subject_of

    settings, database = ready()
    subject = subject_of(settings, database, who, address=address, name=name, zip_code=zip_code)
    made = by_hand.suppress(database, subject, channel.value, reason=reason, source=source, by=by, at=_naive(at))
    _show_recorded(made, _OPT_OUTS, as_json=as_json)


def reconsent(
    channel: Annotated[Channel, typer.Option(help="What is allowed again.", show_default=False)],
    reason: Reason,
    who: Who = None,
    address: Address = None,
    zip_code: Zip = None,
    source: Source = "by_hand",
    by: By = None,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Record that somebody who had opted out wants to be contacted again. Nothing else lifts an opt-out."""
    from cm_core.compliance import by_hand
    from cm_core.compliance.subjects import subject_of

    settings, database = ready()
    subject = subject_of(settings, database, who, address=address, zip_code=zip_code)
    made = by_hand.reconsent(database, subject, channel.value, reason=reason, source=source, by=by, at=_naive(at))
    _show_recorded(made, _FACTS, as_json=as_json)


def facts(
    who: Who = None, address: Address = None, name: Name = None, zip_code: Zip = None, as_json: Json = False
) -> None:
    """Show what is recorded of a contact point or a person, and of who is behind it: opt-outs and facts."""
    from cm_core.compliance.recorded import recorded_of
    from cm_core.compliance.subjects import subject_of

    settings, database = ready()
    found = recorded_of(database, subject_of(settings, database, who, address=address, name=name, zip_code=zip_code))
    if as_json:
        output.print_json(found.as_json())
        return
    output.print_facts({"key": found.subject.key, "opted out of": ", ".join(found.opted_out) or "nothing"})
    _show_holders(found.holders)
    for title, rows, columns in (("Opt-outs", found.opt_outs, _OPT_OUTS), ("Facts", found.facts, _FACTS)):
        if rows:
            _show_rows(rows, columns, title=title)


def forget(
    reason: Reason,
    who: Who = None,
    name: Name = None,
    zip_code: Zip = None,
    source: Source = "privacy_request",
    by: By = None,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Delete what is known of a person who asks for it, and keep them from coming back. Cannot be undone."""
    from cm_core.compliance import privacy
    from cm_core.compliance.subjects import subject_of

    settings, database = ready()
    subject = subject_of(settings, database, who, name=name, zip_code=zip_code)
    done = privacy.forget(settings, database, subject, reason=reason, source=source, by=by, at=_naive(at))
    if as_json:
        output.print_json(done.as_json())
        return
    persons = ", ".join(map(str, done.persons)) or "nobody had it"
    output.print_facts({"persons deleted": persons, "hashes kept": done.hashes})
    if done.crm_persons:
        output.out.print(f"Delete them in Pipedrive too, as persons {', '.join(map(str, done.crm_persons))}.")
    if done.sources:
        output.print_table(
            ("import", "file", "rows", "landed file"),
            [(one.import_id, one.filename, ", ".join(map(str, one.rows[:20])), one.location) for one in done.sources],
            title="Files that still hold rows of them, as do the staged rows and reports of these imports in the lake",
        )
    output.out.print(_NEXT)


@optouts_app.command("list")
def list_messages(
    limit: Annotated[int, typer.Option(min=1, help="Messages to show.")] = 50, as_json: Json = False
) -> None:
    """Show the messages that wait for a decision, oldest first."""
    from cm_core.compliance import suspicions

    _, database = ready()
    found, total = suspicions.waiting(database, limit)
    if as_json:
        output.print_json({"waiting": total, "messages": [one.as_json() for one in found]})
        return
    _show_rows([vars(one) for one in found], _QUEUE)
    output.out.print(f"{total:,} wait. cm optouts confirm|dismiss ID… decides.")


@optouts_app.command()
def confirm(
    ids: Ids,
    channel: Annotated[Channel, typer.Option(help="What to stop.")] = Channel.all,
    reason: Annotated[str | None, typer.Option(help="Default: the message itself.", show_default=False)] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Make messages opt-outs, of the time they came."""
    from cm_core.compliance import suspicions

    _, database = ready()
    _say(suspicions.confirm(database, ids, channel=channel.value, reason=reason, by=by), as_json=as_json)


@optouts_app.command()
def dismiss(ids: Ids, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Record that messages are no opt-outs: they hold nothing any more."""
    from cm_core.compliance import suspicions

    _, database = ready()
    _say(suspicions.dismiss(database, ids, reason=reason, by=by), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Add the commands to `cm`."""
    for command in (suppress, reconsent, facts, forget):
        app.command()(command)
    app.add_typer(optouts_app, name="optouts")


def _say(made: Decided, *, as_json: bool) -> None:
    if as_json:
        output.print_json(vars(made))
        return
    if made.opt_outs:
        _show_rows(made.opt_outs, _OPT_OUTS, title="Opt-outs")
    _show_rows(made.facts, _FACTS, title="Decided")
    output.out.print(_NEXT)


def _show_rows(rows: Iterable[dict[str, Any]], columns: Sequence[str], *, title: str | None = None) -> None:
    output.print_table(
        columns,
        [[_about(row) if column == "about" else row.get(column) for column in columns] for row in rows],
        title=title,
    )


def _about(row: dict[str, Any]) -> str:
    keys = (row.get(name) for name in ("phone_e164", "email_key", "address_key", "name_zip_key", "contact_key"))
    found = " ".join(key for key in keys if key)
    person = f"person {row['person_id']}" if row.get("person_id") else ""
    return ", ".join(filter(None, (found, person)))


def _show_holders(holders: Sequence[tuple[int, int, str | None]]) -> None:
    if not holders:
        output.out.print("Nobody here has it yet: it waits for them.")
    for entity, person, name in holders[:20]:
        output.out.print(f"behind it: {name or 'no name'} (person {person}, entity {entity})")
    if len(holders) > 20:
        output.out.print(f"and {len(holders) - 20:,} more")


def _naive(at: datetime | None) -> datetime | None:
    """UTC without a zone, as times are in the database."""
    return at.astimezone(UTC).replace(tzinfo=None) if at and at.tzinfo else at


def _show_recorded(made: Recorded, columns: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        output.print_json(made.as_json())
        return
    _show_rows(made.rows, columns)
    _show_holders(made.holders)
    output.out.print(_NEXT)
