"""What a quality benchmark says: figures with their goals, and what went wrong. How they are shown is in `report`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

#: Wrong cases shown of one data set, and of one kind of wrong.
EXAMPLES = 10
_EXAMPLES_OF_A_KIND = 4


@dataclass(frozen=True)
class Figure:
    """One measured value. `of` says how many cases it was measured on; `goal` is the least (`most`: the most) it should be."""

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
    """The (kind, example) of each wrong answer, counted by kind, most frequent first, with `EXAMPLES` examples in all."""
    found: dict[str, list[str]] = {}
    for kind, example in cases:
        found.setdefault(kind, []).append(example)
    kinds, left = [], EXAMPLES
    for kind, examples in sorted(found.items(), key=lambda item: (-len(item[1]), item[0])):
        shown = sorted(examples)[:: max(1, len(examples) // _EXAMPLES_OF_A_KIND)][: min(left, _EXAMPLES_OF_A_KIND)]
        left -= len(shown)
        kinds.append(Wrong(kind, len(examples), tuple(shown)))
    return tuple(kinds)
