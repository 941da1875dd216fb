"""What a quality benchmark says: figures with their goals, and what went wrong. How they are shown is in `report`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

#: Wrong cases shown of one data set.
EXAMPLES = 10


@dataclass(frozen=True)
class Figure:
    """One measured value. `of` says how many cases it was measured on; `goal` is its floor (`most`: ceiling)."""

    name: str
    value: float
    of: int
    goal: float | None = None
    most: bool = False

    @property
    def reached(self) -> bool:
        """Whether the goal, if there is one, is reached."""
        return self.goal is None or (self.value <= self.goal if self.most else self.value >= self.goal)


@dataclass(frozen=True)
class Wrong:
    """One kind of wrong answer, how often it happened, and examples of it."""

    kind: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """All that one data set says."""

    data: str
    figures: tuple[Figure, ...]
    wrong: tuple[Wrong, ...] = ()


def share(name: str, right: int, of: int, goal: float | None = None) -> Figure:
    """The share of right answers, 1 where there was nothing to answer."""
    return Figure(name, right / of if of else 1.0, of, goal)


def wrong_kinds(cases: Iterable[tuple[str, str]]) -> tuple[Wrong, ...]:
    """The (kind, example) of each wrong answer, counted by kind, most frequent first.

    `EXAMPLES` are shown in all: one of each kind, then a second one, and so on, spread over the alphabet.
    """
    found: dict[str, list[str]] = {}
    for kind, example in cases:
        found.setdefault(kind, []).append(example)
    kinds = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    turns = [(turn, kind) for turn in range(EXAMPLES) for kind, examples in kinds if turn < len(examples)]
    shown = Counter(kind for _, kind in turns[:EXAMPLES])
    return tuple(
        Wrong(kind, len(examples), tuple(sorted(examples)[:: len(examples) // (shown[kind] or 1)][: shown[kind]]))
        for kind, examples in kinds
    )
