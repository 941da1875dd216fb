"""What of each field both sides are to have: three-way rules, one person at a time. Pure; no clock, no database.

`base` is what both sides had when last in step, `ours` the golden record, `theirs` the person in the CRM. Where values
come from and what they are compared by is `sides`; what is done about the outcome is `plan` and `apply`. The rules are
docs/adr/0035:

- one side changed: it wins. Both changed: a person's edit in the CRM wins over ours, which is automatic; of two
  automatic values the newer does. What a person edited stays until a machine changes it there.
- phones and e-mail addresses: what they have, and what of ours they never had. What they once had was removed there.
- do-not-contact: all that either side ever said.
- fields that are ours alone: ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

#: Fields with one value; with several, by match key; and those that only we write.
SINGLE = ("name", "address")
SETS = ("phones", "emails")
DO_NOT_CONTACT = "do_not_contact"
#: Channel -> the field with its verdict.
VERDICTS = {"call": "cm_call", "sms": "cm_text", "email": "cm_email", "mail": "cm_mail"}
OWN = ("cm_entity", *VERDICTS.values(), "cm_checked")
FIELDS = (*SINGLE, *SETS, DO_NOT_CONTACT, *OWN)

#: What a verdict begins with that forbids; and one of a channel that is closed there and not with us.
NO = "No:"
ASKED_THERE = f"{NO} Do not contact is ticked"

#: Who gave a value in the CRM. Not known: the CRM can be asked.
Author = Literal["person", "machine"]
Winner = Literal["ours", "theirs", "both"]


@dataclass(frozen=True, slots=True)
class Text:
    """A single value as it is written, and the key it is compared by; a blank one has the key ""."""

    text: str | None = None
    key: str = ""


BLANK = Text()


@dataclass(frozen=True, slots=True)
class Point:
    """A phone number or e-mail address as it is written. One value may hold several, so it has several match keys."""

    value: str
    keys: tuple[str, ...]
    label: str | None = None
    primary: bool = False


@dataclass(frozen=True)
class Side:
    """A person as one side has it. `at`: when that was said, naive UTC, by field."""

    name: Text = BLANK
    address: Text = BLANK
    phones: tuple[Point, ...] = ()
    emails: tuple[Point, ...] = ()
    do_not_contact: frozenset[str] = frozenset()
    own: Mapping[str, str | None] = field(default_factory=dict)
    at: Mapping[str, datetime] = field(default_factory=dict)

    def single(self, name: str) -> Text:
        """The value of a field of SINGLE."""
        found: Text = getattr(self, name)
        return found

    def points(self, name: str) -> tuple[Point, ...]:
        """The values of a field of SETS."""
        found: tuple[Point, ...] = getattr(self, name)
        return found

    def having(self, name: str, value: Any) -> Side:
        """The same with another value of a field."""
        return replace(self, **{name: value})

    def keys(self, name: str) -> frozenset[str]:
        """The match keys of a field of SETS."""
        return keys_of(self.points(name))


@dataclass(frozen=True, slots=True)
class Pair:
    """The keys that the two sides had when a field was last settled; `ours_there`: theirs is what we had pushed.

    `at`: when ours had been said. What is said again later counts anew.
    """

    ours: str
    theirs: str
    ours_there: bool = False
    at: datetime | None = None


@dataclass(frozen=True)
class Agreed:
    """What is remembered of a person between two syncs. `known`: by field of SETS all keys that the CRM has or had."""

    pairs: Mapping[str, Pair] = field(default_factory=dict)
    known: Mapping[str, frozenset[str]] = field(default_factory=dict)
    do_not_contact: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        """For `crm_persons.agreed`."""
        pairs = {
            name: {"ours": pair.ours, "theirs": pair.theirs}
            | ({"by": "us"} if pair.ours_there else {})
            | ({"at": pair.at.isoformat()} if pair.at else {})
            for name, pair in self.pairs.items()
        }
        known = {name: sorted(keys) for name, keys in self.known.items() if keys}
        said = {DO_NOT_CONTACT: sorted(self.do_not_contact)} if self.do_not_contact else {}
        return {**pairs, **known, **said}

    @staticmethod
    def from_json(document: Mapping[str, Any] | None) -> Agreed:
        """The reverse; None is somebody who was never in step."""
        found = document or {}
        return Agreed(
            {
                name: Pair(pair["ours"], pair["theirs"], pair.get("by") == "us", _moment(pair.get("at")))
                for name in SINGLE
                if (pair := found.get(name))
            },
            {name: frozenset(found.get(name, ())) for name in SETS},
            frozenset(found.get(DO_NOT_CONTACT, ())),
        )


@dataclass(frozen=True)
class Outcome:
    """What became of one field. `result` is what the CRM is to have; all values are ready for JSON.

    `pushes`: the CRM has something else. `is_new`: something changed on a side since it was last settled, so that it is
    to be recorded. `lands`: our side would keep its value, which is no older, though it lost. `asks`: it depends on who
    gave their value, which is not known; theirs stays until it is.
    """

    field: str
    base: Any
    ours: Any
    theirs: Any
    result: Any
    winner: Winner
    rule: str
    pushes: bool = False
    is_new: bool = False
    lands: bool = False
    asks: bool = False


@dataclass(frozen=True)
class Merge:
    """All fields of a person. `result` is the person as the CRM is to have it."""

    outcomes: tuple[Outcome, ...]
    result: Side

    @property
    def pushes(self) -> tuple[Outcome, ...]:
        """What the CRM does not have yet."""
        return tuple(outcome for outcome in self.outcomes if outcome.pushes)

    @property
    def asks(self) -> tuple[str, ...]:
        """Fields whose author in the CRM decides."""
        return tuple(outcome.field for outcome in self.outcomes if outcome.asks)


def keys_of(points: Iterable[Point]) -> frozenset[str]:
    """All match keys of some values."""
    return frozenset(key for point in points for key in point.keys)


def resolve(base: Agreed, ours: Side, theirs: Side, authors: Mapping[str, Author] | None = None) -> Merge:
    """Settle every field. `authors`: who gave the CRM's value of a field of SINGLE, where that is known."""
    outcomes: list[Outcome] = []
    result = theirs
    for name in SINGLE:
        outcome = _single(name, base.pairs.get(name), ours, theirs, (authors or {}).get(name))
        outcomes.append(outcome)
        if outcome.pushes:
            result = result.having(name, ours.single(name))
    for name in SETS:
        added = additions(base, ours, theirs, name)
        outcomes.append(_set(name, base, ours, theirs, added))
        result = result.having(name, (*theirs.points(name), *added))
    said = base.do_not_contact | ours.do_not_contact | theirs.do_not_contact
    outcomes.append(_union(base, ours, theirs, said))
    outcomes += [_own(name, ours, theirs) for name in OWN if name in ours.own]
    return Merge(tuple(outcomes), replace(result, do_not_contact=said, own={**theirs.own, **ours.own}))


def heeding(base: Agreed, ours: Side, theirs: Side) -> Side:
    """Our side, where no verdict says yes to a channel that is or was closed there: that may not have come in yet."""
    new = (base.do_not_contact | theirs.do_not_contact) - ours.do_not_contact
    if not new:
        return ours
    closed = {VERDICTS[channel] for channel in new if channel in VERDICTS}
    own = {
        name: ASKED_THERE if name in closed and not (words or "").startswith(NO) else words
        for name, words in ours.own.items()
    }
    return replace(ours, own=own)


def additions(base: Agreed, ours: Side, theirs: Side, name: str) -> tuple[Point, ...]:
    """Values of ours that the CRM does not have and never had, as they are to be added there, each key once."""
    seen = set(base.known.get(name, frozenset()) | theirs.keys(name))
    has_primary = any(point.primary for point in theirs.points(name))
    found: list[Point] = []
    for point in ours.points(name):
        if seen.isdisjoint(point.keys):
            seen.update(point.keys)
            is_primary = point.primary and not has_primary and not theirs.points(name)
            found.append(replace(point, primary=is_primary))
    return tuple(found)


def settled(
    base: Agreed, ours: Side, theirs: Side, merge: Merge, pushed: Iterable[str] = (), *, only_pushed: bool = False
) -> Agreed:
    """What is agreed now: fields that needed no push, and those `pushed`, as `theirs` has them since.

    A field that waits to be pushed, or for its author to be known, stays as it was; with `only_pushed` every single
    value but those pushed.
    """
    sent = frozenset(pushed)
    pairs = dict(base.pairs)
    for outcome in merge.outcomes:
        name = outcome.field
        if name in SINGLE and not outcome.asks and (name in sent or not (outcome.pushes or only_pushed)):
            before = pairs.get(name)
            found = Pair(ours.single(name).key, theirs.single(name).key, at=ours.at.get(name))
            stays = before is not None and before.ours_there and before.theirs == found.theirs
            pairs[name] = replace(found, ours_there=name in sent or stays)
    known = {
        name: base.known.get(name, frozenset())
        | theirs.keys(name)
        | (merge.result.keys(name) if name in sent else set())
        for name in SETS
    }
    said = base.do_not_contact | theirs.do_not_contact
    return Agreed(pairs, known, said | merge.result.do_not_contact if DO_NOT_CONTACT in sent else said)


def read_again(base: Agreed, theirs: Side) -> Agreed:
    """What is known of the CRM has to grow with every reading: what is not there next time was removed there."""
    known = {name: base.known.get(name, frozenset()) | theirs.keys(name) for name in SETS}
    return replace(base, known=known, do_not_contact=base.do_not_contact | theirs.do_not_contact)


def merged(survivor: Agreed, loser: Agreed, before: tuple[Side, Side], after: Side) -> Agreed:
    """What is agreed of a person into whom the CRM merged another. `before`: survivor and loser as they were there.

    What was removed from either stays removed, what either asked for stays asked. What either still had and the merged
    one has not, is not known of it: ours brings it back.
    """
    known = {}
    for name in SETS:
        parts = zip((survivor, loser), before, strict=True)
        removed = frozenset().union(*(agreed.known.get(name, frozenset()) - side.keys(name) for agreed, side in parts))
        known[name] = removed | after.keys(name)
    pairs = {
        name: pair
        for name in SINGLE
        if (pair := survivor.pairs.get(name) or loser.pairs.get(name)) and pair.theirs == after.single(name).key
    }
    said = frozenset().union(*(side.do_not_contact for side in before))
    return Agreed(pairs, known, said | survivor.do_not_contact | loser.do_not_contact)


def _single(name: str, pair: Pair | None, ours: Side, theirs: Side, author: Author | None) -> Outcome:
    mine, there = ours.single(name), theirs.single(name)
    at, other = ours.at.get(name), theirs.at.get(name)
    said_again = pair is not None and at is not None and (pair.at is None or at > pair.at)
    ours_changed = pair is None or pair.ours != mine.key or said_again
    theirs_changed = pair is None or pair.theirs != there.key
    if author is None and pair is not None and pair.ours_there and not theirs_changed:
        author = "machine"
    ours_newer = at is not None and (other is None or at > other)

    def outcome(winner: Winner, rule: str, **flags: bool) -> Outcome:
        value = mine.text if winner == "ours" else there.text
        return Outcome(name, pair and pair.theirs, mine.text, there.text, value, winner, rule, **flags)

    def ours_wins(rule: str) -> Outcome:
        return outcome("ours", rule, pushes=True, is_new=True)

    def theirs_wins(rule: str) -> Outcome:
        # Of two values of the same moment either may be the golden one.
        ours_stays = at is not None and (other is None or at >= other)
        return outcome("theirs", rule, is_new=True, lands=bool(there.key) and ours_stays)

    if mine.key == there.key:
        return outcome("both", "same")
    if not mine.key:
        return outcome("theirs", "ours_blank")
    never_filled = not there.key and (pair is None or not (pair.ours or pair.theirs))
    if never_filled and author != "person":
        return ours_wins("theirs_blank")
    if not ours_changed:
        return theirs_wins("only_theirs") if theirs_changed else outcome("theirs", "settled")
    if author == "person":
        return theirs_wins("manual_edit")
    if theirs_changed and not ours_newer:
        return theirs_wins("newer")
    if author is None:
        return outcome("theirs", "author_unknown", asks=True)
    return ours_wins("newer" if theirs_changed else "only_ours")


def _set(name: str, base: Agreed, ours: Side, theirs: Side, added: tuple[Point, ...]) -> Outcome:
    known = base.known.get(name, frozenset())
    removed = known - theirs.keys(name)
    result = [*_values(theirs.points(name)), *_values(added)]
    if added:
        winner, rule = ("both", "union") if theirs.points(name) else ("ours", "theirs_blank")
        is_new = True
    elif removed & ours.keys(name):
        winner, rule, is_new = "theirs", "removed_there", False
    else:
        winner, rule, is_new = "both", "same", False
    return Outcome(
        name, sorted(known), _values(ours.points(name)), _values(theirs.points(name)), result, winner, rule,  # type: ignore[arg-type]
        pushes=bool(added), is_new=is_new,
    )  # fmt: skip


def _union(base: Agreed, ours: Side, theirs: Side, said: frozenset[str]) -> Outcome:
    pushes = said != theirs.do_not_contact
    rule = "same" if said == ours.do_not_contact == theirs.do_not_contact else "union"
    return Outcome(
        DO_NOT_CONTACT, sorted(base.do_not_contact), sorted(ours.do_not_contact), sorted(theirs.do_not_contact),
        sorted(said), "both", rule, pushes=pushes, is_new=pushes,
    )  # fmt: skip


def _own(name: str, ours: Side, theirs: Side) -> Outcome:
    mine, there = ours.own[name], theirs.own.get(name)
    differs = (mine or "") != (there or "")
    return Outcome(name, None, mine, there, mine, "ours", "ours_alone", pushes=differs)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _values(points: Iterable[Point]) -> list[str]:
    return [point.value for point in points]
