"""What can be set of the server: at its start (`--heavy 10`), or while it runs (`/_control/config`)."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from typing import Any

ACCOUNT_ID = "809646016"
#: The extension that the JWT logs in as: `~`.
OWN_EXTENSION_ID = "62288329016"
GROUPS = ("light", "medium", "heavy", "auth")


@dataclass
class Config:
    """The defaults are what the documents say. Times are seconds."""

    client_id: str = "client-id"
    client_secret: str = "client-secret"
    jwt: str = "header.payload.signature"

    # Limits. They, and tokens, run on real time, since that is what a client waits in.
    light: int = 50
    medium: int = 40
    heavy: int = 10
    auth: int = 5
    window: float = 60.0
    penalty: float = 60.0
    retry_after: bool = True
    access_token_life: int = 3599
    refresh_token_life: int = 604799
    refresh_token_grace: float = 10.0
    sessions: int = 5

    # Data. It runs on the clock that can be set.
    appears_after_min: float = 15.0
    appears_after_max: float = 30.0
    retention_days: int = 365
    recording_days: int = 90
    recording_min_duration: int = 30
    sent_fax_days: int = 30
    messages_per_folder: int = 5_000
    # Not documented: whether a call at exactly `dateTo` is inside.
    date_to_inclusive: bool = False
    # Whether the log heeds `showDeleted`, which older versions of it do not.
    show_deleted: bool = True

    def limit(self, group: str) -> int:
        """Requests of a group in a window."""
        return int(getattr(self, group))

    def change(self, values: dict[str, Any]) -> None:
        """Set some of it while the server runs. Raises ValueError for a name that is not known."""
        types = {field.name: type(getattr(Config(), field.name)) for field in fields(self)}
        for name, value in values.items():
            if name not in types:
                raise ValueError(f"no such setting: {name}")
            setattr(self, name, types[name](value))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One option for each setting: `--retry-after false`."""
    for field in fields(Config):
        default = getattr(Config(), field.name)
        kind: Any = _flag if isinstance(default, bool) else type(default)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=default)


def from_arguments(arguments: argparse.Namespace) -> Config:
    """The configuration that the options say."""
    return Config(**{field.name: getattr(arguments, field.name) for field in fields(Config)})


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError("true or false")
    return text.lower() == "true"
