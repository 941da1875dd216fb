"""Which waiting imports share a run."""

from __future__ import annotations

import pytest

from cm_core.imports.batches import Bounds, batches, company
from cm_core.imports.registry import WaitingImport


def _item(number: int, target: str = "contacts", *, attempt: int = 0, size: int = 10) -> WaitingImport:
    return WaitingImport(f"imp_{number}", target, target, attempt, size)


def _numbers(
    items: list[WaitingImport], *, files: int = 100, most: int | None = None, places: dict[str, int] | None = None
) -> list[list[int]]:
    found = batches(items, lambda target: Bounds(files, most), places or {})
    return [[int(import_id.removeprefix("imp_")) for import_id in batch.import_ids] for batch in found]


def test_imports_of_a_target_share_a_run_in_order_of_arrival() -> None:
    items = [_item(1), _item(2, "opt_outs"), _item(3), _item(4, "touchpoints"), _item(5, "opt_outs"), _item(6)]
    assert _numbers(items) == [[2, 5], [1, 3, 6], [4]], "suppressions first, contact history last"


def test_a_run_takes_so_many_files() -> None:
    assert _numbers([_item(number) for number in range(5)], files=2) == [[0, 1], [2, 3], [4]]


def test_a_run_takes_so_many_bytes_and_one_file_always() -> None:
    items = [_item(1, size=60), _item(2, size=40), _item(3, size=1), _item(4, size=500), _item(5, size=5)]
    assert _numbers(items, most=100) == [[1, 2], [3], [4], [5]]


def test_no_bound_is_one_run() -> None:
    assert _numbers([_item(number, size=10**12) for number in range(300)], files=5000) == [list(range(300))]


def test_imports_that_have_partitions_go_with_their_neighbours_only() -> None:
    """A run takes an unbroken range of partitions: what lies between would be run too."""
    items = [_item(number) for number in (1, 2, 4, 5, 6, 7)]
    places = {"imp_1": 0, "imp_2": 1, "imp_3": 2, "imp_4": 3, "imp_5": 4}
    assert _numbers(items, places=places) == [[1, 2], [4, 5], [6, 7]]


def test_an_import_that_breaks_off_again_and_again_is_at_last_alone() -> None:
    assert [company(attempt, 50) for attempt in range(5)] == [50, 50, 5, 1, 1]
    assert company(2, 3) == 1
    items = [_item(1), _item(2, attempt=3), _item(3), _item(4)]
    assert _numbers(items) == [[1], [2], [3, 4]]


@pytest.mark.parametrize("attempt", [0, 1])
def test_what_a_killed_run_left_shares_a_run_again(attempt: int) -> None:
    places = {f"imp_{number}": number for number in range(4)}
    assert _numbers([_item(number, attempt=attempt) for number in (2, 3)], places=places) == [[2, 3]]
