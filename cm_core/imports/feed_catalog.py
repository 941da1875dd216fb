"""Feeds: declared kinds of input, read from the YAML files in `feeds/`.

A new header synonym, a new headerless layout or a new list of a known kind is a change of YAML, never of code.
How a file's columns are matched to a feed's fields is in `mapping`.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from cm_core.errors import UsageError
from cm_core.hygiene.text import read_yaml

Target = Literal["contacts", "dnc_registry", "opt_outs", "campaigns", "touchpoints"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Format(_Model):
    """What is known of the file's form; `auto` is detected from its content."""

    delimiter: str = "auto"
    encoding: str = "auto"
    header: bool | Literal["auto"] = True


class Field(_Model):
    """How headers of one canonical field look: whole squashed headers, or regular expressions over them."""

    synonyms: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


class Feed(_Model):
    """One declared kind of input. See `feeds/contacts.yaml` for the meaning of each key."""

    name: str
    target: Target
    schema_version: str
    description: str
    extends: str | None = None
    filenames: tuple[str, ...] = ()
    format: Format = Format()
    table: str | None = None
    select: str | None = None
    columns: tuple[str, ...] = ()
    layouts: dict[int, tuple[str, ...]] = {}
    mapping: dict[str, tuple[str, ...]] = {}
    constants: dict[str, str] = {}
    defaults: dict[str, str] = {}
    requires_any: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    fields: dict[str, Field] = {}
    address_fields: dict[str, Field] = {}
    address_prefixes: dict[str, str] = {}


def feed_names() -> list[str]:
    """Names of all declared feeds, in alphabetical order."""
    folder = files("cm_core.imports").joinpath("feeds")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


@lru_cache(maxsize=64)
def load_feed(name: str) -> Feed:
    """The feed called `name`.

    A feed that `extends` another takes over its fields and adds or overrides the rest.
    Raises UsageError for an unknown name and for a declaration that does not hold together.
    """
    if name not in feed_names():
        raise UsageError(f"Unknown feed {name!r}. Known feeds: {', '.join(feed_names())}.")
    text = files("cm_core.imports").joinpath("feeds").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    declared: dict[str, Any] = read_yaml(text)
    try:
        feed = Feed.model_validate(declared)
        if feed.extends is None:
            return feed
        base = load_feed(feed.extends)
        inherited = base.model_dump(exclude={"filenames", "columns", "layouts", "mapping", "constants", "format"})
        return Feed.model_validate(inherited | declared)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"Feed {name!r} is not declared correctly at {where}: {first['msg']}.") from None
