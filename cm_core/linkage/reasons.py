"""The rule that made two persons one or kept them apart, named and in words. What was found of them comes in."""

from __future__ import annotations

from dataclasses import dataclass, field

from cm_core.linkage.clusters import contradict
from cm_core.linkage.decisions import Decision, decisions
from cm_core.linkage.standing import Standing
from cm_core.linkage.stored import Base
from cm_core.store.database import Database

_MEMBERS = "select id, entity_id from persons where entity_id in %s order by id"
_QUEUED = "select cause from review_queue where person_id = %s and other_id = %s"
#: Why clustering refuses a pair (`clusters`).
_CAUSES = {
    "contradiction": "it would bring together people who contradict (generation, birthday, given name)",
    "too_large": "its cluster would have more components than CM_MAX_CLUSTER_SIZE",
    "weak_bridge": "two clusters would hang together by this pair alone, and it is none of the surest",
}
_CONTACTS = {"email": "e-mail", "phone": "phone", "name_zip": "name and ZIP", "record": "record"}


@dataclass(frozen=True)
class Judgement:
    """How far a pair gets on the way of a dedupe. `kind` is human or legal; None: one of them has no full name.

    `refusal` is the rule of `decide.sql` that keeps them apart; `is_initial`: one given name is the initial of the
    other; `hot` are the blocks they meet in, if all are too large.
    """

    kind: str | None = None
    has_met: bool = False
    names_agree: bool = True
    generations_clash: bool = False
    probability: float | None = None
    is_likely: bool = False
    refusal: str | None = None
    is_initial: bool = False
    hot: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Pair:
    """Two persons with their exact-tier components, and what the last dedupe made of them.

    `is_new`: one of them came after it, or there was none. `linked` is the probability by which it linked the
    components, before clustering.
    """

    persons: tuple[Standing, Standing]
    components: tuple[int, int]
    is_new: bool
    common_keys: list[dict[str, str]]
    linked: float | None

    @property
    def are_joined(self) -> bool:
        """Whether exact keys make them one."""
        return self.components[0] == self.components[1]


@dataclass(frozen=True)
class Reason:
    """`code` is for programs, `words` are for people."""

    code: str
    words: str


def reason(database: Database, base: Base, pair: Pair, judged: Judgement, *, threshold: float) -> Reason:
    """What decided about the pair: the first rule, in the order of a dedupe, that holds."""
    decided = _Decided(database, pair)
    if pair.persons[0].entity_id == pair.persons[1].entity_id:
        return _one(pair, decided)
    if same := decided.between_the_two("same"):
        return Reason("not_yet", f"Not yet one: {same.in_words()}. The next dedupe joins them.")
    if different := decided.between_clusters():
        return Reason("decided", f"Apart: {different.in_words()}.")
    if pair.linked is not None:
        return _refused_in_clustering(database, base, pair, decided)
    if pair.are_joined or (pair.is_new and pair.common_keys):
        return Reason("not_yet", f"Not yet one: they share {_keys(pair)}. The next dedupe joins them.")
    if judged.kind is None:
        return Reason("no_name", "Apart: without a name on both sides only exact keys could join them.")
    return _legal(pair, judged) if judged.kind == "legal" else _human(pair, judged, threshold)


class _Decided:
    """What people decided about two persons, and who is in their clusters."""

    def __init__(self, database: Database, pair: Pair) -> None:
        self._ids = {person.person_id for person in pair.persons}
        self._made = [made for made in decisions(database) if made.other_id is not None]
        entities = [person.entity_id for person in pair.persons]
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute(_MEMBERS, (tuple(entities),))
            self.entity_of: dict[int, int] = dict(cursor.fetchall())

    def between_the_two(self, kind: str) -> Decision | None:
        """The decision of this kind that names both."""
        return next(
            (made for made in self._made if made.decision == kind and {made.person_id, made.other_id} == self._ids),
            None,
        )

    def between_clusters(self) -> Decision | None:
        """A decision that somebody of the one cluster and somebody of the other are different."""
        for made in self._made:
            sides = {self.entity_of.get(made.person_id), self.entity_of.get(made.other_id or 0)}
            if made.decision == "different" and len(sides - {None}) == 2:
                return made
        return None


def _one(pair: Pair, decided: _Decided) -> Reason:
    if different := decided.between_the_two("different"):
        return Reason("not_yet", f"Still one: {different.in_words()}. The next dedupe parts them.")
    if same := decided.between_the_two("same"):
        return Reason("decided", f"One: {same.in_words()}.")
    if pair.are_joined:
        if pair.common_keys:
            return Reason("exact_key", f"One by exact keys: they share {_keys(pair)}.")
        return Reason("exact_key", "One by exact keys or decisions, through a third person.")
    if pair.linked is not None:
        return Reason("linked", f"One: the last dedupe linked them with probability {pair.linked:.4f}.")
    return Reason("through_others", "One through other records: each of the two is linked to a third.")


def _human(pair: Pair, judged: Judgement, threshold: float) -> Reason:
    if not judged.has_met:
        return Reason(
            "no_block",
            "Apart: never compared, since they have no phone, e-mail, address, identifier, whole name, surname and "
            "ZIP, or name and date of birth in common.",
        )
    if judged.generations_clash:
        return Reason("generations", "Apart: two generations (JR, SR, II ...) are two people.")
    if not judged.names_agree:
        return Reason("given_names", "Apart: their given names clash; a household is no duplicate.")
    if not judged.is_likely:
        return Reason("threshold", f"Apart: probability {judged.probability:.4f} is below {threshold:g}.")
    if judged.refusal is not None:
        return Reason("refused", f"Apart by rule, though likely: {judged.refusal}.")
    if judged.hot:
        return Reason("hot_blocks", f"Apart: never compared; too many records share {', '.join(judged.hot)}.")
    if pair.is_new:
        return Reason("not_yet", "Not yet one: the next dedupe links them, unless it finds a contradiction.")
    if judged.is_initial:
        return Reason("initial", "Apart: the initial fits two people who are not one.")
    return Reason("not_yet", "Not yet one: they have changed since the last dedupe, the next one links them.")


def _legal(pair: Pair, judged: Judgement) -> Reason:
    if not judged.has_met:
        return Reason(
            "no_block",
            "Apart: never compared, since they have no phone, e-mail, address, house number and ZIP, or name and ZIP "
            "in common.",
        )
    if not judged.is_likely:
        return Reason("names", "Apart: their names are no slip of each other, or have no contact or place in common.")
    return Reason("not_yet", "Not yet one: the next dedupe links them.")


def _keys(pair: Pair) -> str:
    if not pair.common_keys:
        return "exact keys with the same person"
    return ", ".join(f"{_CONTACTS[item['kind']]} {item['key']}" for item in pair.common_keys)


def _refused_in_clustering(database: Database, base: Base, pair: Pair, decided: _Decided) -> Reason:
    """What the clustering of the last dedupe went by: its cause waits in the review queue, unless that was full."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(_QUEUED, (min(pair.components), max(pair.components)))
        row = cursor.fetchone()
    clash = _contradiction(base, pair, decided)
    cause = str(row[0]) if row else "contradiction" if clash else "refused"
    words = _CAUSES.get(cause, "its cluster would be too large, or hang together by this pair alone")
    found = f"; persons {clash[0]} and {clash[1]} cannot be one" if clash and cause == "contradiction" else ""
    linked = f"linked with probability {pair.linked:.4f}"
    return Reason(cause, f"Apart: {linked}, but refused in clustering, since {words}{found}.")


def _contradiction(base: Base, pair: Pair, decided: _Decided) -> tuple[int, int] | None:
    """Two people, one of either cluster, who cannot be one."""
    components = base.components(list(decided.entity_of))
    facts = base.facts(sorted(set(components.values())))
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for person, component in components.items():
        if component in facts:
            side = 0 if decided.entity_of[person] == pair.persons[0].entity_id else 1
            sides[side].setdefault(component, person)
    return next(
        ((a, b) for x, a in sides[0].items() for y, b in sides[1].items() if contradict(facts[x], facts[y])), None
    )
