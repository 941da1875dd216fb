"""`cm why` and `cm scrub`: whom one may contact. What they print is in `why` and `scrub`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cm_core.cli.ready import ready


class Channel(StrEnum):
    """How people are contacted."""

    call = "call"
    sms = "sms"
    email = "email"
    mail = "mail"


class Purpose(StrEnum):
    """What a contact is for."""

    solicitation = "solicitation"
    offer_to_buy = "offer_to_buy"
    informational = "informational"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
For = Annotated[Purpose, typer.Option(help="What one wants of the people.")]
At = Annotated[str | None, typer.Option(metavar="TIME", help="ISO 8601, UTC if without a zone; default: now.")]


def why(
    target: Annotated[
        str, typer.Argument(metavar="PHONE|EMAIL|PERSON_ID", help="A contact point or a person.", show_default=False)
    ],
    channel: Annotated[
        Channel | None, typer.Option(help="Only this one; default: all that it can be used on.", show_default=False)
    ] = None,
    purpose: For = Purpose.solicitation,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Show whether a contact point may be used, by which rule, and everything else that was found."""
    from cm_core.cli import why as command

    moment = command.moment(at)
    wanted = channel.value if channel else None
    command.show(*ready(), target, channel=wanted, purpose=purpose.value, at=moment, as_json=as_json)


def scrub(
    channel: Annotated[Channel, typer.Option(help="How the list is to be used.", show_default=False)],
    path: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A list of any form that can be imported.")
    ] = None,
    campaign: Annotated[
        int | None,
        typer.Option(metavar="ID", help="Its own caps count; without a file, its people.", show_default=False),
    ] = None,
    purpose: For = Purpose.solicitation,
    at: At = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The CSV to write; default: beside the list.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say for each row of a list whether it may be used, write the list back with it, and keep a record."""
    from cm_core.cli import scrub as command
    from cm_core.cli.why import moment

    instant = moment(at)
    settings, database = ready()
    done = command.run(
        settings, database, path, channel=channel.value, purpose=purpose.value, at=instant, campaign_id=campaign,
        out=out,
    )  # fmt: skip
    command.show(done, as_json=as_json)
