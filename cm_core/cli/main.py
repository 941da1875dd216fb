"""The `cm` command. Each command is thin: settings, one call, output. Exit codes: 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cm_core.cli import facts, output, quality
from cm_core.cli.calls import calls_app
from cm_core.cli.contacting import scrub, why
from cm_core.cli.crm import crm_app
from cm_core.cli.dnc import dnc_app
from cm_core.cli.ready import ready as _ready
from cm_core.cli.review import review_app
from cm_core.errors import CmError, UsageError
from cm_core.settings import get_settings

if TYPE_CHECKING:
    pass

app = typer.Typer(
    name="cm",
    help="One source of truth for contact data: import, deduplicate, check what may be used.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
db_app = typer.Typer(
    help="The database: start and stop the private server, migrate, show the URL.", no_args_is_help=True
)
app.add_typer(db_app, name="db")
app.add_typer(review_app, name="review")
app.add_typer(dnc_app, name="dnc")
app.add_typer(crm_app, name="crm")
app.add_typer(calls_app, name="calls")
app.command()(why)
app.command()(scrub)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


class Format(StrEnum):
    """Output forms of `cm sql`."""

    table = "table"
    csv = "csv"
    json = "json"


class Mode(StrEnum):
    """What `cm replay` replays."""

    full = "full"
    errors_only = "errors-only"


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files to import.", show_default=False)],
    feed: Annotated[str | None, typer.Option(help="What kind of file it is; default: chosen by its name.")] = None,
    uploaded_by: Annotated[str | None, typer.Option(help="Who brings the file; default: the system user.")] = None,
    as_json: Json = False,
) -> None:
    """Put files into the landing zone and import them, in the Dagster instance that the UI shows."""
    from cm_core.cli import ingest as command

    settings, database = _ready()
    summaries = command.ingest(settings, database, paths, feed=feed, uploaded_by=uploaded_by)
    if not command.show(summaries, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def status(
    import_id: Annotated[str | None, typer.Argument(help="Show this import in full.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Show the latest imports, or one in full with its reports."""
    from cm_core.cli import ingest as command

    _, database = _ready()
    command.show_status(database, import_id, as_json=as_json)


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to look at.", show_default=False)],
    feed: Annotated[str | None, typer.Option(help="What kind of file it is; default: chosen by its name.")] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Look at the first rows only; default: all.")] = None,
    as_json: Json = False,
) -> None:
    """Show what a file is and what importing it would do; writes nothing."""
    from cm_core.cli import inspect as command

    settings, database = _ready()
    documents = command.inspect(settings, database, path, feed=feed, rows=rows)
    if not command.show(documents, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def replay(
    import_id: Annotated[str, typer.Option(help="The import to replay.", show_default=False)],
    mode: Annotated[
        Mode, typer.Option(help="The whole import under the present rules, or its rejected rows.", show_default=False)
    ],
    corrected: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Mended rows: the error report with its raw_row mended, or the original columns and row_number.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Import again what is in the landing zone already, all of it or the rows that were rejected."""
    from cm_core.cli import replay as command

    settings, database = _ready()
    result = command.replay(settings, database, import_id, mode.value, corrected=corrected)
    if not command.show(result, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def extract(
    tables: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE…]", help="Default: all of CM_LEGACY_TABLES.", show_default=False),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin anew where the last extract is complete.")] = False,
    as_json: Json = False,
) -> None:
    """Let tables of the legacy MySQL land, slice by slice; goes on where it was interrupted."""
    from cm_core.cli import extract as command

    settings, database = _ready()
    results = command.extract(settings, database, tables or [], anew=new)
    if not command.show(results, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def dedupe(
    full: Annotated[bool, typer.Option("--full", help="Look at everything, not only at what has changed.")] = False,
    as_json: Json = False,
) -> None:
    """Find duplicates, choose golden records and rebuild the verdicts."""
    from cm_core.cli import summary

    settings, database = _ready()
    result = summary.dedupe(settings, database, full=full)
    if as_json:
        output.print_json(result)
    else:
        output.print_facts({name.replace("_", " "): value for name, value in result.items() if name != "verdicts"})
        summary.print_verdicts(result["verdicts"])
    if result["status"] != "COMPLETE":
        raise typer.Exit(1)


@app.command()
def lineage(
    person_id: Annotated[int, typer.Argument(metavar="PERSON_ID", help="A row of persons.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Show which imports a person comes from, what each brought and why it met this person."""
    from cm_core.cli import people as command

    command.lineage(*_ready(), person_id, as_json=as_json)


@app.command()
def explain(
    one: Annotated[int, typer.Argument(metavar="ID1", help="A row of persons.", show_default=False)],
    other: Annotated[int, typer.Argument(metavar="ID2", help="Another.", show_default=False)],
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write the waterfall chart here.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show why two persons are one or are not: rule, score, and what the model made of each comparison."""
    from cm_core.cli import people as command

    command.explain(*_ready(), one, other, chart=chart, as_json=as_json)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SQL statement.", show_default=False)],
    format: Annotated[Format, typer.Option(help="How to print the rows.")] = Format.table,
) -> None:
    """Run a query as a user who may only read."""
    from cm_core.cli import query as command

    command.run(get_settings(), query, format.value)


@app.command("sample-data")
def sample_data(
    people: Annotated[int, typer.Option(min=1, help="How many true people the lists are about.")],
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
    as_json: Json = False,
) -> None:
    """Write messy lists of made-up mineral owners, with the truth beside them."""
    from cm_core import sample_data as generator

    with output.progress(f"making up {people:,} people"):
        made = generator.generate(people, seed, out)
    files = [
        *made.files, made.dnc_path, made.opt_outs_path, made.campaigns_path, made.touchpoints_path, made.truth_path,
    ]  # fmt: skip
    if as_json:
        output.print_json({"people": made.people, "rows": made.rows, "files": [str(path) for path in files]})
    else:
        output.print_facts({"people": made.people, "rows": made.rows} | {path.name: path for path in files})


@app.command()
def demo(people: Annotated[int, typer.Option(min=1, help="How many people to make up.")] = 5000) -> None:
    """Run everything on sample data, a day of the CRM and of calls included, and show what happened."""
    from cm_core.cli.demo import demo as run_demo

    settings, database = _ready()
    if not run_demo(settings, database, people=people):
        raise typer.Exit(1)


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="Port of the UI; default: the first free one from 3000.")] = None,
) -> None:
    """Run the database, the Dagster UI and its daemon with the sensors on, until Ctrl-C."""
    from cm_core.cli.up import supervise

    code = supervise(get_settings(), port=port, say=output.out.print)
    if code:
        raise typer.Exit(code)


@db_app.command("start")
def db_start() -> None:
    """Start the private server (nothing to do where CM_DATABASE_URL is set) and bring the tables up to date."""
    _, database = _ready()
    output.out.print(f"Database: {database.url_text()}")


@db_app.command("stop")
def db_stop() -> None:
    """Stop the private server."""
    from cm_core.store import PrivateServer

    settings = get_settings()
    if settings.database_url is not None:
        raise UsageError("CM_DATABASE_URL names a server that is not ours to stop.")
    stopped = PrivateServer(settings.home_dir).stop()
    output.out.print("Stopped." if stopped else "It was not running.")


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Create or migrate the tables, and list held numbers that an earlier version has left out of dnc_registry."""
    from cm_core.compliance import list_held_numbers
    from cm_core.store import open_database
    from cm_core.store.migrations import current, upgrade

    settings = get_settings()
    database = open_database(settings)
    before = upgrade(database)
    after = current(database)
    output.out.print(f"Schema {after}" + (" (was up to date)" if before == after else f" (was {before or 'empty'})"))
    if missing := list_held_numbers(settings, database):
        output.out.print(f"{missing:,} listings of held numbers were missing in dnc_registry and are there now.")


@db_app.command("url")
def db_url(
    show_password: Annotated[bool, typer.Option(help="Print the password too, for pasting into a client.")] = False,
) -> None:
    """Print where the database is."""
    from cm_core.store import open_database

    output.out.print(open_database(get_settings()).url_text(hide_password=not show_password))


facts.register(app)
quality.register(app)


def main() -> None:
    """Entry point of the `cm` command."""
    try:
        app()
    except UsageError as error:
        output.print_error(str(error))
        sys.exit(2)
    except CmError as error:
        output.print_error(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        output.print_error("Interrupted. What was not finished goes on with the same command.")
        sys.exit(130)


if __name__ == "__main__":
    main()
