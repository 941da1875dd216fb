"""`cm crm`: what comes from Pipedrive and what goes there."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cm_core.cli import output
from cm_core.cli.ready import ready
from cm_core.errors import UsageError

if TYPE_CHECKING:
    from cm_core.crm import CrmStatus, PullResult

crm_app = typer.Typer(help="Pipedrive: pull people, activities and deals; push golden records.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]

_SUMMARY = ("pull", "state", "pages", "records", "landed", "opt-outs", "requests", "tokens", "file")


@crm_app.command()
def pull(
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The day (UTC); default: today, as far as it has come.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Read everything, whenever it changed; the first pull does so anyway.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let what changed in Pipedrive land: people with their opt-outs, activities and deals. Goes on if interrupted."""
    from cm_core import crm

    chosen = _day(day)
    settings, database = ready()
    results = []
    for source in crm.SOURCES:
        with output.progress(f"pulling {source}"):
            results.append(crm.pull_day(settings, database, chosen, source=source, everything=everything))
    _show_pulls(results, as_json=as_json)


@crm_app.command()
def reconcile(as_json: Json = False) -> None:
    """Read all people of Pipedrive, and find out what became of those who are not there any more."""
    from cm_core import crm

    settings, database = ready()
    with output.progress("reading everybody"):
        found = crm.reconcile(settings, database)
    vanished = dataclasses.asdict(found.vanished)
    if as_json:
        output.print_json({"pull": dataclasses.asdict(found.pull), "vanished": vanished})
        return
    _show_pulls([found.pull], as_json=False)
    output.print_facts({name: len(ids) for name, ids in vanished.items()})


@crm_app.command()
def webhooks(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine's loopback.")] = 8787,
    handle: Annotated[bool, typer.Option("--handle", help="Deal with the events that were kept, and end.")] = False,
    as_json: Json = False,
) -> None:
    """Take Pipedrive's webhooks until Ctrl-C. A proxy with TLS stands before it."""
    from cm_core import crm

    settings, database = ready()
    if handle:
        with output.progress("handling events"):
            handled = crm.handle_events(settings, database)
        document = dataclasses.asdict(handled)
        if as_json:
            output.print_json(document)
        else:
            output.print_facts(
                {"events": handled.events, **{name: each.people for name, each in handled.landed.items()}}
            )
        return
    crm.webhook_app(settings, database)  # what is wrong with the settings is said first
    path = "/pipedrive/<CM_PIPEDRIVE_WEBHOOK_PATH>" if settings.pipedrive_webhook_path else "/pipedrive"
    output.out.print(f"Taking webhooks at http://127.0.0.1:{port}{path}; Ctrl-C ends it.")
    crm.serve(settings, database, port=port)


@crm_app.command()
def status(
    last: Annotated[int, typer.Option(min=1, help="Pulls to show of each source.")] = 5, as_json: Json = False
) -> None:
    """Show who of the CRM is known, what waits, up to when it was read and what it cost today."""
    from cm_core import crm

    found = crm.crm_status(*ready(), last=last)
    if as_json:
        output.print_json(found.as_json())
    else:
        _show_status(found)


def _day(text: str | None) -> date:
    today = datetime.now(UTC).date()
    if text is None:
        return today
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no day: YYYY-MM-DD is the form.") from None
    if found > today:
        raise UsageError(f"{found} is still to come: nothing has changed then.")
    return found


def _show_pulls(results: list[PullResult], *, as_json: bool) -> None:
    if as_json:
        output.print_json([dataclasses.asdict(result) for result in results])
        return
    output.print_table(
        _SUMMARY,
        [
            (
                each.pull_id, each.state, each.pages, f"{each.records:,}", f"{each.lines:,}", f"{each.opt_outs:,}",
                each.usage.requests, each.usage.tokens, each.landing_key,
            )
            for each in results
        ],
    )  # fmt: skip


def _show_status(found: CrmStatus) -> None:
    facts: dict[str, Any] = {f"people {state}": f"{count:,}" for state, count in found.people.items()}
    facts |= {"waiting to land": f"{found.to_land:,}", "events waiting": f"{found.events_waiting:,}"}
    facts |= {f"{source} read up to": moment for source, moment in found.covered_to.items()}
    facts |= {"requests today": found.requests_today, "tokens today": f"{found.tokens_today:,}"}
    facts["tokens left"] = None if found.tokens_left is None else f"{found.tokens_left:,}"
    output.print_facts(facts)
    for pause in found.pauses:
        output.out.print(f"Paused until {pause['until']:%Y-%m-%d %H:%M:%S} UTC: {pause['reason']}.")
    columns = ("pull_id", "state", "pages", "records", "lines", "landing_key")
    output.print_table(columns, [[each[name] for name in columns] for each in found.pulls], title="Pulls")
