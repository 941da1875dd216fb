"""The numbers and choices of one server: each is an option of the command line and of the fixture.

Choices exist where the documentation leaves open what happens; their defaults are what is harder for a client.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints


@dataclass(frozen=True)
class Config:
    """All settings of a server. Seconds are real seconds, except where a field says simulated."""

    token: str = "pipedrive-test-token"
    """The API token of user 1, the integration. Further users: POST /_control/users."""
    client_id: str = "test-client"
    client_secret: str = "test-secret"
    access_token_seconds: int = 3599
    """Simulated seconds for which an OAuth access token is good."""

    burst: int = 20
    """Requests of one token in `burst_window` seconds, rolling."""
    burst_window: float = 2.0
    search_burst: int = 10
    """Searches of one token in `burst_window` seconds."""
    daily_tokens: int = 30_000
    """Tokens of the company per day of the server's clock."""
    utc_offset_hours: float = 0.0
    """The server's midnight: hours that its clock is ahead of UTC."""
    pause_grace: float = 0.1
    """Requests this soon after a 429 may have been on their way and do not count as sent during the pause."""
    blocked_after: int = 20
    """Refused requests of a token without an accepted one between, after which it gets 403 and HTML."""
    blocked_seconds: float = 10.0

    clock: str = ""
    """Where the clock starts (RFC 3339); empty: the real time."""
    clock_rate: float = 1.0
    """Simulated seconds per real second; 0: the clock stands until it is set."""

    deleted_reply: int = 200
    """What GET of a person deleted less than 30 days ago gives: 200 (with is_deleted), 404 or 410."""
    merged_reply: int = 404
    """The same for a person that was merged into another one."""
    list_deleted: bool = False
    """Lists show deleted persons (is_deleted true) until they are gone for good."""
    merge_contacts: str = "fill"
    """What a merge does with phones and emails: `fill` only when the survivor has none, or `union`."""
    contact_sync: bool = False
    """Contact sync is on: postal_address, notes, im, birthday and job_title exist and may be written."""
    search_lag: float = 0.0
    """Simulated seconds until a search finds what was written."""

    webhook_scale: float = 1.0
    """Factor on the webhooks' waits: retries after 3, 30 and 150 s, ban of 30 min."""
    webhook_timeout: float = 10.0
    webhook_limit: int = 40
    seed: int = 0

    def replace(self, changes: dict[str, Any]) -> Config:
        """This configuration with some settings changed; an unknown one is a ValueError."""
        hints = get_type_hints(type(self))
        if unknown := changes.keys() - hints.keys():
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        return dataclasses.replace(self, **{name: hints[name](value) for name, value in changes.items()})


def flags(options: dict[str, Any]) -> list[str]:
    """Settings as arguments of the command line."""
    arguments: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            arguments += [flag] if value else []
        else:
            arguments += [flag, str(value)]
    return arguments


def parse(arguments: Sequence[str] | None = None) -> tuple[Config, argparse.Namespace]:
    """The configuration of the command line, and where to listen (`port`, `port_file`, `until_pid`)."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.pipedrive", description="A stand-in for Pipedrive.")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--port-file", help="file that gets the port's number when the server listens")
    parser.add_argument("--until-pid", type=int, help="end when this process is gone")
    hints = get_type_hints(Config)
    for field in dataclasses.fields(Config):
        flag, kind = f"--{field.name.replace('_', '-')}", hints[field.name]
        if kind is bool:
            parser.add_argument(flag, action="store_true", default=field.default)
        else:
            assert not get_args(kind)
            parser.add_argument(flag, type=kind, default=field.default)
    given = parser.parse_args(arguments)
    return Config(**{field.name: getattr(given, field.name) for field in dataclasses.fields(Config)}), given
