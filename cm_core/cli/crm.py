"""`cm crm`: what comes from Pipedrive and what goes there."""

from __future__ import annotations

import dataclasses
import getpass
from contextlib import closing
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cm_core.cli import output, push_view
from cm_core.cli.ready import ready
from cm_core.errors import UsageError

if TYPE_CHECKING:
    from cm_core.crm import CrmStatus, PullResult, Step

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


@crm_app.command()
def setup(as_json: Json = False) -> None:
    """Find our custom fields in Pipedrive by their names, and make those that are missing."""
    from cm_core import crm

    settings, database = ready()
    with crm.pipedrive(settings, database, purpose="cm crm setup") as client:
        found = crm.set_up(settings, database, client)
    if as_json:
        output.print_json(dataclasses.asdict(found))
        return
    output.print_facts(found.codes)
    output.print_facts({"made": ", ".join(found.made) or "nothing: all of them were there"})
    for name, options in found.options_added.items():
        output.print_facts({f"options added to {name}": ", ".join(options)})


@crm_app.command()
def plan(
    last: Annotated[int, typer.Option("--show", min=0, help="Steps to show; the plan keeps all.")] = 20,
    as_json: Json = False,
) -> None:
    """Plan a push: who would be created, updated or merged in Pipedrive, field by field, and what it costs."""
    from cm_core import crm

    settings, database = ready()
    with output.progress("planning"), crm.pipedrive(settings, database, purpose="cm crm plan") as client:
        made = crm.make_plan(settings, database, client, requested_by=_user())
        left = client.api.limiter.tokens_left()
    with closing(database.connect()) as connection:
        steps = crm.steps_of(connection, made.plan_id, most=last)
    if as_json:
        document = {**dataclasses.asdict(made), "tokens_left_today": left, "shown": [_step(step) for step in steps]}
        output.print_json(document)
        return
    push_view.show_plan(made, steps, left, settings)


@crm_app.command("apply")
def apply_(
    plan_id: Annotated[
        str | None, typer.Option("--plan", metavar="ID", help="The plan; default: the latest.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Carry out a plan, as far as today's tokens allow; goes on where it was interrupted."""
    from cm_core import crm

    settings, database = ready()
    with output.progress("applying"):
        done = crm.apply_plan(settings, database, plan_id)
    if as_json:
        output.print_json(dataclasses.asdict(done))
    else:
        push_view.show_applied(done)
    if done.steps.get("failed"):
        raise typer.Exit(1)


@crm_app.command()
def suppress(as_json: Json = False) -> None:
    """Tell Pipedrive at once of everybody who may not be contacted; the sensor does so by itself."""
    from cm_core import crm

    settings, database = ready()
    done = crm.push_suppressions(settings, database, requested_by=_user())
    if as_json:
        output.print_json(dataclasses.asdict(done) if done else None)
    elif done is None:
        output.out.print("Pipedrive knows of everybody.")
    else:
        push_view.show_applied(done)


def _step(step: Step) -> dict[str, Any]:
    names = ("action", "entity_id", "crm_person_id", "merge_with_id", "priority", "tokens", "state", "changes", "error")
    return {name: getattr(step, name) for name in names}


def _user() -> str:
    return getpass.getuser()


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
    if strange := sorted({label for each in results for label in each.not_understood}):
        output.out.print(
            f"Ticked at `Do not contact` and not understood: {', '.join(strange)}. Nothing was made of it: tick call, "
            "sms, email or mail."
        )


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
