"""What is asked of a batch between resolving and writing."""

from __future__ import annotations

import duckdb
import pytest

from cm_core.errors import ImportFailed
from cm_core.upsert.resolving import require_all_changed


@pytest.mark.parametrize(("assigned", "left_out"), [([1, 2, 2, 5], 0), ([2, 2], 2), ([7], 3)])
def test_every_row_that_a_replay_changes_has_a_person(assigned: list[int], left_out: int) -> None:
    with duckdb.connect() as con:
        con.execute("create table changed as select unnest([1, 2, 5]) as row_number")
        con.execute("create table assignment as select unnest(?) as row_number", [assigned])
        if left_out:
            with pytest.raises(ImportFailed, match=f"Import imp_1: {left_out} rows that the replay changes"):
                require_all_changed(con, "imp_1")
        else:
            require_all_changed(con, "imp_1")
