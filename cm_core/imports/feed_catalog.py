"""Feeds: declared kinds of input, read from the YAML files in `feeds/`.

A new header synonym, a new headerless layout or a new list of a known kind is a change of YAML, never of code.
How a file's columns are matched to a feed's fields is in `mapping`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from cm_core.errors import UsageError
from cm_core.hygiene.text import read_yaml

Target = Literal["contacts", "dnc_registry", "opt_outs", "contact_facts", "campaigns", "touchpoints"]
ContactKind = Literal["phone", "email", "address", "name_zip", "person"]
MarkName = Literal[
    "dnc",
    "do_not_call",
    "call_opt_out",
    "do_not_text",
    "do_not_email",
    "do_not_mail",
    "do_not_contact",
    "litigator",
    "deceased",
]


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


class Mark(Field):
    """How headers of a mark look, and those of columns in which a no says the same: `Do Not Call`, `OK to Call`."""

    permits: tuple[str, ...] = ()


class FactRule(_Model):
    """What a row of a list of facts says, and of which of its contact points; see `feeds/reassigned_numbers.yaml`.

    `date` says what becomes of a row without a date that can be used: `needed` (it is rejected), `kept` (it is of the
    file's date if it gives none, and rejected if it gives one that is none) or `lenient` (it is of the file's date).
    """

    name: str
    contacts: tuple[ContactKind, ...]
    first_only: bool = False
    date: Literal["needed", "kept", "lenient"] = "lenient"
    needs_value: bool = False
    words: dict[str, tuple[str, ...]] = {}


class Feed(_Model):
    """One declared kind of input. See `feeds/contacts.yaml` for the meaning of each key.

    `filenames` are words in order: a file's name fits where it is these and no others. Case, and what stands between
    words, do not matter; `*` alone is any words or none, in a word any letters. `told_by` are headers that lists of
    this kind have and lists of contacts do not; `never_has` are headers that show that a list is none of this kind,
    whatever its name says. `marks` are columns of lists of contacts that say whom not to contact.
    """

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
    may_name_nobody: bool = False
    fields: dict[str, Field] = {}
    more_fields: dict[str, Field] = {}
    told_by: Field = Field()
    never_has: Field = Field()
    marks: dict[MarkName, Mark] = {}
    fact: FactRule | None = None
    address_fields: dict[str, Field] = {}
    address_prefixes: dict[str, str] = {}


def feed_names() -> list[str]:
    """Names of all declared feeds, in alphabetical order."""
    folder = files("cm_core.imports").joinpath("feeds")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


@lru_cache(maxsize=64)
def load_feed(name: str) -> Feed:
    """The feed called `name`.

    A feed that `extends` another takes over its fields and adds or overrides the rest. `more_fields` come before those
    taken over: what they call by a header, no other field does.
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
        inherited = base.model_dump(
            exclude={"filenames", "columns", "layouts", "mapping", "constants", "format", "more_fields", "fact"}
        )
        feed = Feed.model_validate(inherited | declared)
        if feed.target != "contacts":  # what is all about whom not to contact needs no columns for it
            feed = feed.model_copy(update={"marks": {}})
        return feed.model_copy(update={"fields": _with_more(feed.fields, feed.more_fields)})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"Feed {name!r} is not declared correctly at {where}: {first['msg']}.") from None


def _with_more(fields: Mapping[str, Field], more: Mapping[str, Field]) -> dict[str, Field]:
    taken = {_squashed(synonym) for field in more.values() for synonym in field.synonyms}
    left = {
        name: field.model_copy(update={"synonyms": tuple(s for s in field.synonyms if _squashed(s) not in taken)})
        for name, field in fields.items()
        if name not in more
    }
    return {**more, **left}


def _squashed(synonym: str) -> str:
    return re.sub(r"[^a-z0-9]", "", synonym.lower())
