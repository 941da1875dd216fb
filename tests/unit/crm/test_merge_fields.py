"""The rules of docs/adr/0035 for single persons, and the laws that they keep whatever happens on either side.

The laws are held by a model of both sides: the golden record keeps every contact point and the newest name and address
that it is told; the CRM has what was last written there. `World` is one person on both sides, `merge_worlds` two that
become one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cm_core.crm.merge_fields import (
    SETS,
    SINGLE,
    Agreed,
    Author,
    Merge,
    Pair,
    Point,
    Side,
    Text,
    keys_of,
    merged,
    read_again,
    resolve,
    settled,
)

OLD, NEW = datetime(2026, 1, 1), datetime(2026, 6, 1)
START = datetime(2026, 1, 1)


def text(value: str | None) -> Text:
    return Text(value, (value or "").lower())


def points(*values: str) -> tuple[Point, ...]:
    return tuple(Point(value, (value.lower(),), "work", n == 0) for n, value in enumerate(values))


def side(name: str | None = None, *, at: datetime = OLD, phones: Iterable[str] = (), dnc: str = "") -> Side:
    return Side(name=text(name), phones=points(*phones), do_not_contact=frozenset(dnc.split()), at={"name": at})


def of(merge: Merge, name: str = "name") -> tuple[object, str, str]:
    (found,) = (outcome for outcome in merge.outcomes if outcome.field == name)
    return found.result, found.winner, found.rule


def agreed(name: str, *, pushed: bool = False, phones: Iterable[str] = ()) -> Agreed:
    return Agreed({"name": Pair(name.lower(), name.lower(), pushed, NEW)}, {"phones": frozenset(phones)})


# Single values


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "author", "expected"),
    [
        (agreed("Ann"), side("Ann"), side("Anna"), None, ("Anna", "theirs", "only_theirs")),
        (agreed("Ann"), side("Anna"), side("Ann"), "machine", ("Anna", "ours", "only_ours")),
        (agreed("Ann", pushed=True), side("Anna"), side("Ann"), None, ("Anna", "ours", "only_ours")),
        (agreed("Ann"), side("Anna", at=NEW), side("Ann"), "person", ("Ann", "theirs", "manual_edit")),
        (agreed("Ann"), side("Anna"), side("ANNA"), None, ("ANNA", "both", "same")),
        (agreed("Ann"), side("Anna", at=NEW), side("Annie"), "machine", ("Anna", "ours", "newer")),
        (agreed("Ann"), side("Anna"), side("Annie", at=NEW), "machine", ("Annie", "theirs", "newer")),
        (agreed("Ann"), side("Anna", at=NEW), side("Annie"), "person", ("Annie", "theirs", "manual_edit")),
        (agreed("Ann"), side("Anna", at=NEW), side("Annie"), None, ("Annie", "theirs", "author_unknown")),
        (agreed("Ann"), side(None), side("Ann"), "machine", ("Ann", "theirs", "ours_blank")),
        (agreed("Ann"), side("Ann"), side(None), None, (None, "theirs", "only_theirs")),
        (Agreed(), side("Ann"), side(None), None, ("Ann", "ours", "theirs_blank")),
        (Agreed({"name": Pair("", "")}), side("Ann"), side(None), None, ("Ann", "ours", "theirs_blank")),
        (agreed("Ann"), side("Anna", at=NEW), side(None), None, (None, "theirs", "author_unknown")),
        (Agreed(), side("Ann", at=NEW), side("Anna"), None, ("Anna", "theirs", "author_unknown")),
        (Agreed(), side("Ann"), side("Anna", at=NEW), None, ("Anna", "theirs", "newer")),
    ],
)
def test_a_single_value(base: Agreed, ours: Side, theirs: Side, author: Author | None, expected: object) -> None:
    merge = resolve(base, ours, theirs, {"name": author} if author else {})
    assert of(merge) == expected
    assert merge.asks == (("name",) if expected == (theirs.name.text, "theirs", "author_unknown") else ())


def test_what_was_settled_is_neither_recorded_nor_decided_again() -> None:
    ours, theirs = side("Anna", at=NEW), side("Annie")
    merge = resolve(agreed("Ann"), ours, theirs, {"name": "person"})
    assert merge.outcomes[0].is_new
    assert merge.outcomes[0].lands, "ours has the newer date: it would keep the value that lost"
    again = resolve(settled(agreed("Ann"), ours, theirs, merge), ours, theirs, {"name": "person"})
    assert of(again)[2] == "settled"
    assert not again.outcomes[0].is_new


def test_what_won_as_the_other_of_the_same_moment_lands_too() -> None:
    merge = resolve(agreed("Ann"), side("Anna", at=NEW), side("Annie", at=NEW))
    assert of(merge) == ("Annie", "theirs", "newer")
    assert merge.outcomes[0].lands, "either may be the golden one"
    older = resolve(agreed("Ann"), side("Anna"), side("Annie", at=NEW))
    assert not older.outcomes[0].lands


def test_what_ours_says_again_later_counts_anew() -> None:
    ours, theirs = side("Anna"), side("Annie", at=NEW)
    base = settled(agreed("Ann"), ours, theirs, resolve(agreed("Ann"), ours, theirs))
    assert of(resolve(base, ours, theirs, {"name": "machine"}))[2] == "settled"
    again = side("Anna", at=NEW + timedelta(days=1))
    assert of(resolve(base, again, theirs, {"name": "machine"})) == ("Anna", "ours", "only_ours")


def test_what_waits_for_its_author_is_asked_again() -> None:
    ours, theirs = side("Anna", at=NEW), side("Annie")
    merge = resolve(agreed("Ann"), ours, theirs)
    assert resolve(settled(agreed("Ann"), ours, theirs, merge), ours, theirs).asks == ("name",)


# Several values


def test_ours_adds_what_the_crm_never_had_and_keeps_its_labels_and_primary() -> None:
    theirs = replace(side(phones=["1", "2"]), phones=(Point("1", ("1",), "home"), Point("2", ("2",), "work", True)))
    merge = resolve(agreed("x", phones=["1", "2", "3"]), side(phones=["4", "3", "1"]), theirs)
    assert merge.result.phones == (*theirs.phones, Point("4", ("4",), "work", False))
    assert of(merge, "phones") == (["1", "2", "4"], "both", "union")


def test_what_was_removed_there_does_not_come_back() -> None:
    merge = resolve(agreed("x", phones=["1", "2"]), side(phones=["1", "2"]), side(phones=["1"]))
    assert of(merge, "phones") == (["1"], "theirs", "removed_there")
    assert not merge.pushes


def test_a_value_with_several_numbers_has_all_of_them() -> None:
    theirs = Side(phones=(Point("1 or 2", ("1", "2")),))
    assert resolve(Agreed(), side(phones=["2"]), theirs).result.phones == theirs.phones


def test_the_first_number_of_somebody_without_any_keeps_its_place() -> None:
    assert resolve(Agreed(), side(phones=["1", "2"]), Side()).result.phones == points("1", "2")


def test_do_not_contact_is_all_that_was_ever_said() -> None:
    base = Agreed(do_not_contact=frozenset({"mail"}))
    merge = resolve(base, side(dnc="call"), side(dnc="sms"))
    assert of(merge, "do_not_contact") == (["call", "mail", "sms"], "both", "union")


def test_fields_of_ours_alone_are_ours() -> None:
    theirs = Side(own={"cm_entity": "7", "cm_call": "yes"})
    merge = resolve(Agreed(), Side(own={"cm_entity": "8", "cm_call": "yes"}), theirs)
    assert [(outcome.field, outcome.result) for outcome in merge.pushes] == [("cm_entity", "8")]


def test_what_is_agreed_is_the_same_after_json() -> None:
    known = Agreed(
        {"name": Pair("a", "b", True, NEW), "address": Pair("", "c")},
        {"phones": frozenset("12"), "emails": frozenset("e")},
        frozenset({"call"}),
    )  # fmt: skip
    assert Agreed.from_json(known.as_json()) == known
    assert Agreed.from_json(None).pairs == {}


# The model of both sides

values = st.sampled_from(["a", "b", "c", "d"])
blank_or_value = st.none() | values
channels = st.sampled_from(["call", "sms", "email", "mail"])


@dataclass
class World:
    """One person on both sides. `hour` is the clock; `removed`: what people took out there and nobody put back."""

    ours: Side = field(default_factory=Side)
    theirs: Side = field(default_factory=Side)
    base: Agreed = field(default_factory=Agreed)
    authors: dict[str, Author] = field(default_factory=dict)
    removed: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in SETS})
    hour: int = 0

    def now(self) -> datetime:
        self.hour += 1
        return START + timedelta(hours=self.hour)

    def edit(self, name: str, value: str | None, author: Author) -> None:
        """Somebody changes a value in the CRM; the record's time is that of all its fields."""
        if (value or "") != self.theirs.single(name).key:
            self.authors[name] = author
        self.theirs = replace(self.theirs, **{name: text(value)}, at=dict.fromkeys(SINGLE, self.now()))

    def listed(self, name: str, value: str) -> None:
        """A list says something newer."""
        self.ours = replace(self.ours, **{name: text(value)}, at={**self.ours.at, name: self.now()})

    def add_there(self, name: str, value: str) -> None:
        self._there(name, {*self.theirs.keys(name), value})
        self.removed[name].discard(value)

    def remove_there(self, name: str, value: str) -> None:
        if value in self.theirs.keys(name):
            self.removed[name].add(value)
        self._there(name, self.theirs.keys(name) - {value})

    def _there(self, name: str, keys: Iterable[str]) -> None:
        self.theirs = replace(self.theirs, **{name: points(*sorted(keys))}, at=dict.fromkeys(SINGLE, self.now()))

    def add_here(self, name: str, value: str) -> None:
        self.ours = replace(self.ours, **{name: points(*sorted({*self.ours.keys(name), value}))})

    def stop_there(self, channel: str) -> None:
        said = self.theirs.do_not_contact | {channel}
        self.theirs = replace(self.theirs, do_not_contact=said, at=dict.fromkeys(SINGLE, self.now()))

    def tick_off_there(self, channel: str) -> None:
        said = self.theirs.do_not_contact - {channel}
        self.theirs = replace(self.theirs, do_not_contact=said, at=dict.fromkeys(SINGLE, self.now()))

    def stop_here(self, channel: str) -> None:
        self.ours = replace(self.ours, do_not_contact=self.ours.do_not_contact | {channel})

    def pull(self) -> None:
        """What the CRM has comes in: contact points and requests accumulate, newer names and addresses count."""
        for name in SINGLE:
            self._lands(name, self.theirs.at.get(name, START))
        for name in SETS:
            self.ours = replace(self.ours, **{name: points(*sorted(self.ours.keys(name) | self.theirs.keys(name)))})
        said = self.ours.do_not_contact | self.theirs.do_not_contact
        self.ours = replace(self.ours, do_not_contact=said)
        self.base = read_again(self.base, self.theirs)

    def _lands(self, name: str, at: datetime) -> None:
        """Of two of the same moment ours stays: which of them a golden record shows is for its own order to say."""
        there = self.theirs.single(name)
        if there.key and (name not in self.ours.at or at > self.ours.at[name]):
            self.ours = replace(self.ours, **{name: there}, at={**self.ours.at, name: at})

    def push(self) -> Merge:
        """What the rules say goes out, and what they settled for the CRM comes in with the time of the decision."""
        merge = resolve(self.base, self.ours, self.theirs, self.authors)
        pushed = [outcome.field for outcome in merge.pushes]
        if pushed:
            self.theirs = replace(merge.result, at=dict.fromkeys(SINGLE, self.now()))
        for name in SINGLE:
            if name in pushed:
                self.authors[name] = "machine"
        self.base = settled(self.base, self.ours, self.theirs, merge, pushed)
        for outcome in merge.outcomes:
            if outcome.lands:
                self._lands(outcome.field, self.now())
        return merge

    def sync(self) -> Merge:
        self.pull()
        return self.push()


Step = Callable[[World], object]


@st.composite
def steps(draw: st.DrawFn, *, syncs: bool = True) -> tuple[str, Step]:
    """Something that happens on one side, with a name for reports."""
    kind = draw(
        st.sampled_from(
            ["person", "machine", "listed", "add", "remove", "here", "stop", "untick", "said"]
            + (["pull", "push"] if syncs else [])
        )
    )
    name, several, value = draw(st.sampled_from(SINGLE)), draw(st.sampled_from(SETS)), draw(values)
    there, channel = draw(blank_or_value), draw(channels)
    acts: dict[str, Step] = {
        "person": lambda w: w.edit(name, there, "person"),
        "machine": lambda w: w.edit(name, value, "machine"),
        "listed": lambda w: w.listed(name, value),
        "add": lambda w: w.add_there(several, value),
        "remove": lambda w: w.remove_there(several, value),
        "here": lambda w: w.add_here(several, value),
        "stop": lambda w: w.stop_there(channel),
        "untick": lambda w: w.tick_off_there(channel),
        "said": lambda w: w.stop_here(channel),
        "pull": lambda w: w.pull(),
        "push": lambda w: w.push(),
    }
    return f"{kind} {name}/{several} {value}/{there} {channel}", acts[kind]


def run(world: World, happened: Iterable[tuple[str, Step]]) -> World:
    for _, act in happened:
        act(world)
    return world


histories = st.lists(steps(), max_size=14)
changes = st.lists(steps(syncs=False), max_size=8)
fast = settings(max_examples=60, deadline=None)


@fast
@given(histories)
def test_law_pushing_again_pushes_nothing(happened: list[tuple[str, Step]]) -> None:
    world = run(World(), happened)
    world.push()
    before = world.theirs
    merge = world.push()
    assert not merge.pushes
    assert world.theirs == before
    assert not any(outcome.is_new for outcome in merge.outcomes if outcome.rule != "only_theirs")


@fast
@given(histories)
def test_law_both_sides_are_equal_after_one_round(happened: list[tuple[str, Step]]) -> None:
    """But for what people took out of the CRM: ours deletes nothing."""
    world = run(World(), happened)
    world.sync()
    for name in SINGLE:
        mine, there = world.ours.single(name), world.theirs.single(name)
        assert mine.key == there.key or not there.key
        assert mine.key == there.key or world.authors.get(name) == "person"
    for name in SETS:
        assert world.theirs.keys(name) <= world.ours.keys(name)
        assert world.ours.keys(name) - world.theirs.keys(name) <= world.base.known[name]
    world.pull()
    assert world.ours.do_not_contact == world.theirs.do_not_contact


@fast
@given(histories, st.lists(st.tuples(st.sampled_from(SINGLE), values), max_size=3))
def test_law_a_persons_edit_is_never_overwritten_by_us(
    happened: list[tuple[str, Step]], lists: list[tuple[str, str]]
) -> None:
    """Whatever lists say later; until somebody or something changes it there."""
    world = run(World(), happened)
    edited = {name: world.theirs.single(name) for name in SINGLE if world.authors.get(name) == "person"}
    for name, value in lists:
        world.listed(name, value)
        world.sync()
        world.push()
    assert {name: world.theirs.single(name) for name in edited} == edited


@fast
@given(histories)
def test_law_nothing_that_was_removed_there_returns(happened: list[tuple[str, Step]]) -> None:
    """Given that the CRM is read before and after the removal, as every push does."""
    world = World()
    for name, act in happened:
        world.base = read_again(world.base, world.theirs)
        run(world, [(name, act)])
    world.sync()
    world.push()
    for name in SETS:
        assert not world.theirs.keys(name) & world.removed[name]


@fast
@given(histories)
def test_law_opt_outs_never_shrink(happened: list[tuple[str, Step]]) -> None:
    """What the rules make of it; a person who ticks one off in the CRM finds it ticked again."""
    world = World()
    for _, act in happened:
        ours, known = world.ours.do_not_contact, world.base.do_not_contact
        act(world)
        assert world.ours.do_not_contact >= ours
        assert world.base.do_not_contact >= known
    world.push()
    assert world.theirs.do_not_contact >= world.ours.do_not_contact | world.base.do_not_contact


@fast
@given(histories)
def test_law_pull_and_push_commute_once_both_sides_are_known(happened: list[tuple[str, Step]]) -> None:
    """Push, pull, push ends where pull, push does: the order in which a day's work is done makes no difference.

    For contact points and requests always; for single values, where ours had read the CRM before.
    """
    one, other = run(World(), happened), run(World(), happened)
    one.sync()
    other.push()
    other.sync()
    for name in SETS:
        assert one.theirs.keys(name) == other.theirs.keys(name)
    assert one.theirs.do_not_contact == other.theirs.do_not_contact


# Two that become one


def merge_ours(one: Side, other: Side) -> Side:
    """The golden record of both: each name and address the newest, all contact points and requests."""
    made = Side(do_not_contact=one.do_not_contact | other.do_not_contact)
    for name in SINGLE:
        newest = max((one, other), key=lambda s: (bool(s.single(name).key), s.at.get(name, datetime.min)))
        made = replace(made, **{name: newest.single(name)}, at={**made.at, name: newest.at.get(name, datetime.min)})
    for name in SETS:
        made = replace(made, **{name: points(*sorted(one.keys(name) | other.keys(name)))})
    return made


def merge_theirs(survivor: Side, loser: Side, *, fills: bool, at: datetime) -> Side:
    """What the CRM makes of a merge: the survivor's values, its blanks filled; contact points of both, or the same."""
    made = replace(survivor, at=dict.fromkeys(SINGLE, at))
    for name in SINGLE:
        if not survivor.single(name).key:
            made = replace(made, **{name: loser.single(name)})
    for name in SETS:
        both = survivor.keys(name) | loser.keys(name)
        kept = survivor.keys(name) or loser.keys(name) if fills else both
        made = replace(made, **{name: points(*sorted(kept))})
    return replace(made, do_not_contact=survivor.do_not_contact or loser.do_not_contact)


def merge_worlds(one: World, other: World, *, fills: bool) -> World:
    """Both sides merge; `one` survives. As `apply` does it: what the loser has in the CRM has come in before."""
    for world in (one, other):
        world.pull()
    hour = max(one.hour, other.hour)
    before = (one.theirs, other.theirs)
    theirs = merge_theirs(*before, fills=fills, at=START + timedelta(hours=hour))
    made = World(merge_ours(one.ours, other.ours), theirs, hour=hour)
    made.base = merged(one.base, other.base, before, theirs)
    for name in SINGLE:
        source = one if one.theirs.single(name).key else other
        if author := source.authors.get(name):
            made.authors[name] = author
    return made


two = st.tuples(histories, histories, changes, changes, st.booleans())


def two_worlds(one: list[tuple[str, Step]], other: list[tuple[str, Step]]) -> tuple[World, World]:
    first, second = run(World(), one), run(World(), other)
    first.sync(), second.sync()
    return first, second


Two = tuple[list[tuple[str, Step]], list[tuple[str, Step]], list[tuple[str, Step]], list[tuple[str, Step]], bool]


def outcome(world: World, but: dict[str, frozenset[str]] | None = None) -> dict[str, object]:
    """Both sides once nothing changes any more, of what does not depend on when somebody looked; `but` these keys."""
    for _ in range(3):
        world.sync()
    gone = but or dict.fromkeys(SETS, frozenset())
    several = {name: (world.theirs.keys(name) - gone[name], world.ours.keys(name)) for name in SETS}
    return {**several, "do_not_contact": (world.theirs.do_not_contact, world.ours.do_not_contact)}


@fast
@given(two)
def test_law_pull_commutes_with_merges(given_two: Two) -> None:
    """Pull then merge ends where merge then pull does, whatever happened on both sides meanwhile."""
    one, other, here, there, fills = given_two
    pulled, late = two_worlds(one, other), two_worlds(one, other)
    for worlds in (pulled, late):
        run(worlds[0], here), run(worlds[1], there)
    for world in pulled:
        world.pull()
    assert outcome(merge_worlds(*pulled, fills=fills)) == outcome(merge_worlds(*late, fills=fills))


@fast
@given(two)
def test_law_push_commutes_with_merges(given_two: Two) -> None:
    """Push then merge ends where merge then push does.

    But for what was taken out of one of the two there: of the other it stays if it was there by then.
    """
    one, other, here, there, fills = given_two
    pushed, late = two_worlds(one, other), two_worlds(one, other)
    for worlds in (pushed, late):
        run(worlds[0], here), run(worlds[1], there)
    for world in (*pushed, *late):
        world.pull()
    gone = {name: _removed(late[0], name) | _removed(late[1], name) for name in SETS}
    for world in pushed:
        world.push()
    early, later = (merge_worlds(*worlds, fills=fills) for worlds in (pushed, late))
    assert outcome(early, gone) == outcome(later, gone)


@fast
@given(two)
def test_law_a_merge_loses_no_contact_point_that_nobody_removed(given_two: Two) -> None:
    """And no request, whatever the CRM makes of the two."""
    one, other, _, _, fills = given_two
    worlds = two_worlds(one, other)
    said = worlds[0].theirs.do_not_contact | worlds[1].theirs.do_not_contact
    held = {name: worlds[0].theirs.keys(name) | worlds[1].theirs.keys(name) for name in SETS}
    gone = {name: _removed(worlds[0], name) | _removed(worlds[1], name) for name in SETS}
    made = merge_worlds(*worlds, fills=fills)
    outcome(made)
    assert made.theirs.do_not_contact >= said
    for name in SETS:
        assert made.theirs.keys(name) >= held[name] - gone[name]


def _removed(world: World, name: str) -> frozenset[str]:
    return world.base.known[name] - world.theirs.keys(name)


@fast
@given(two)
def test_law_both_sides_are_equal_after_a_merge(given_two: Two) -> None:
    one, other, here, there, fills = given_two
    worlds = two_worlds(one, other)
    run(worlds[0], here), run(worlds[1], there)
    made = merge_worlds(*worlds, fills=fills)
    made.sync(), made.sync()
    for name in SINGLE:
        mine, theirs = made.ours.single(name), made.theirs.single(name)
        assert mine.key == theirs.key or not theirs.key


def test_keys_of_values_are_all_their_keys() -> None:
    assert keys_of(points("A", "B")) == {"a", "b"}
