"""Which feed a file is of that nobody named one for, as far as its name and the folder it lies in say.

Names are compared by whole words: a list of *exported* contacts is none of *ported* numbers. What a name only hints at
is not guessed where a mistake would be silent: a list of whom not to contact among the contacts, or a list of people
among those whom nobody may contact. What the columns say to what the name said is in `schema`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from cm_core.hygiene.text import read_yaml
from cm_core.imports.feed_catalog import feed_names, load_feed
from cm_core.imports.mapping import squash

#: Lists of these targets only add: what came in by mistake says for good that somebody may not be contacted, or may.
GROWING = ("dnc_registry", "opt_outs", "contact_facts")
#: What to do about a file whose name does not say what it is.
REMEDY = (
    "Name the feed with --feed, or put the file into a folder of the landing zone that is called like it: contacts for "
    "people who may be contacted, opt_outs for those who asked us not to (a column `channel` says for which channel), "
    "mail_suppression for those who want no advertising mail, dnc_registry for the numbers of a public registry, "
    "internal_dnc for those who asked us not to call."
)


@dataclass(frozen=True)
class Choice:
    """The feed of a file. `by_name`: its own name is all that tells. `refusal` says why no feed can be told."""

    feed: str
    by_name: bool = False
    refusal: str | None = None


def choose_feed(*names: str, folders: Sequence[str] = ()) -> Choice:
    """The feed of a file nobody named one for: a folder called like a feed, a name that the feed lists, contacts.

    `names` are the file's own name and those of the archives it was packed in: the first that says anything counts.
    """
    feeds = {squash(feed): feed for feed in feed_names()}
    for folder in folders:
        if feed := feeds.get(squash(folder)):
            return Choice(feed)
    for name in names:
        if choice := _by_name(name):
            return choice
    for folder in folders:
        if _says(folder, "not_to_contact", "not_reached"):
            return Choice("contacts", refusal=_undecided("folder", folder))
    return Choice("contacts")


def _by_name(name: str) -> Choice | None:
    """What a file's name says, if anything."""
    feed = _listed(_words(name))
    target = load_feed(feed).target if feed else None
    without_them, found_in_them = _says(name, "without_them"), _says(name, "found_in_them")
    if without_them and not found_in_them:
        return Choice("contacts", by_name=True)
    if target in GROWING:
        undecided = without_them or _says(name, "doubtful")
    elif target is None:
        undecided = _says(name, "not_to_contact", "not_reached")
    else:
        undecided = _says(name, "not_to_contact")
    if undecided:
        return Choice(feed or "contacts", refusal=_undecided("file", name))
    return Choice(feed, by_name=True) if feed else None


def _listed(text: str) -> str | None:
    """The feed whose `filenames` the words of a name fit; of several the one it begins with."""
    matching = [feed for feed in feed_names() if _fits(text, load_feed(feed).filenames)]
    if "internal_dnc" in matching:  # said of a list that is otherwise a registry's
        return "internal_dnc"
    if named := [feed for feed in matching if f"{text} ".startswith(_words(feed) + " ")]:
        return max(named, key=len)
    for feed in matching:  # a list of a state before the national one, which its feed extends
        return next((other for other in matching if load_feed(other).extends == feed), feed)
    return None


def _undecided(what: str, name: str) -> str:
    return (
        f"The name of the {what} ({name!r}) speaks of people who may not be contacted, or cannot be, and does not say "
        f"which list this is. {REMEDY}"
    )


@cache
def _word_lists() -> Mapping[str, tuple[str, ...]]:
    text = files("cm_core.imports").joinpath("naming_words.yaml").read_text(encoding="utf-8")
    return {name: tuple(patterns) for name, patterns in read_yaml(text).items()}


def _says(name: str, *lists: str) -> bool:
    return any(_fits(_words(name), _word_lists()[each]) for each in lists)


def _words(name: str) -> str:
    """The words of a name, in lower case, a space between them; dots stay.

    A word is letters or digits: `DoNotCall-2026_v2.CSV` is `do not call 2026 v 2.csv`.
    """
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    text = re.sub(r"[^\w.]|_", " ", text)
    text = re.sub(r"(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])", " ", text)
    text = " ".join(text.replace(".", " . ").split()).replace(" . ", ".").strip(" .")
    return re.sub(r"\be mail", "email", text)


def _fits(text: str, patterns: Iterable[str]) -> bool:
    return any(_pattern(each).fullmatch(text) for each in patterns)


@lru_cache(maxsize=1024)
def _pattern(declared: str) -> re.Pattern[str]:
    """An entry of `filenames` as a regular expression over the words of a name (see `Feed.filenames`)."""
    stem, dot, suffix = declared.partition(".")
    words = stem.split()
    found, between = "", ""
    for position, word in enumerate(words):
        if word != "*":
            found, between = found + between + _glob(word), "[ .]"
        elif position == 0:
            found = "(?:.*[ .])?"
        elif position == len(words) - 1:
            found += "(?:[ .].*)?"
        else:
            between = "[ .](?:.*[ .])?"
    return re.compile(found + (re.escape(dot + suffix) if dot else r"(?:\.[^.]{0,12}){0,2}"))


def _glob(word: str) -> str:
    parts = re.split(r"(\*|\[[^\]]*\])", word)
    return "".join("[^ .]*" if part == "*" else part if part.startswith("[") else re.escape(part) for part in parts)
