"""How far a figure, or a distribution, is from what it was. Pure; what is too far is the checks' business."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

#: Upper ends of the bins of cluster sizes; the last bin is open.
BINS = (1, 2, 3, 5, 10)
#: A figure has a usual value from this many earlier ones on.
ENOUGH = 3
#: Share that an empty bin counts as: the index is not defined for nothing.
_FLOOR = 0.0001


@dataclass(frozen=True)
class Deviation:
    """How far a figure is from its `usual` value."""

    usual: float
    by: float


@dataclass(frozen=True)
class Run:
    """A run of linkage: how many clusters there were of each number of persons."""

    sizes: Mapping[int, int]

    @staticmethod
    def of(sizes: Mapping[str, int]) -> Run:
        """From metadata, whose keys are texts."""
        return Run({int(size): int(count) for size, count in sizes.items()})

    @property
    def persons(self) -> int:
        """Persons in all."""
        return sum(size * count for size, count in self.sizes.items())

    @property
    def match_rate(self) -> float:
        """Share (0 to 1) of persons that are a duplicate of another."""
        return 1 - sum(self.sizes.values()) / self.persons if self.persons else 0.0

    @property
    def shares(self) -> dict[str, float]:
        """Share (0 to 1) of persons in clusters of each bin."""
        return shares(self.sizes)


def deviation(value: float, before: Sequence[float]) -> Deviation | None:
    """How far `value` is from the median of the values before; None where there are too few of them."""
    if len(before) < ENOUGH:
        return None
    usual = median(before)
    return Deviation(usual, value - usual)


def shares(sizes: Mapping[int, int]) -> dict[str, float]:
    """Share (0 to 1) of persons in clusters of each bin of sizes; bins without any are left out."""
    persons = sum(size * count for size, count in sizes.items())
    found: dict[str, float] = {}
    for size, count in sorted(sizes.items()):
        found[_bin(size)] = found.get(_bin(size), 0.0) + size * count / persons
    return found


def stability_index(before: Mapping[int, int], now: Mapping[int, int]) -> float:
    """Population stability index of two distributions of persons over cluster sizes: 0 where they are the same."""
    was, is_now = shares(before), shares(now)
    if not was or not is_now:
        return 0.0
    index = 0.0
    for name in was.keys() | is_now.keys():
        expected, actual = max(was.get(name, 0.0), _FLOOR), max(is_now.get(name, 0.0), _FLOOR)
        index += (actual - expected) * math.log(actual / expected)
    return index


def _bin(size: int) -> str:
    lower = 0
    for upper in BINS:
        if size <= upper:
            return str(upper) if upper == lower + 1 else f"{lower + 1} to {upper}"
        lower = upper
    return f"over {BINS[-1]}"
