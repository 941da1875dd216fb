"""Whatever the order and batching of imports, the same source rows end in the same golden clusters and values."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rows import Row, files, golden, import_file, query, write_file

from cm_core import linkage
from cm_core.compliance import privacy
from cm_core.compliance.subjects import Subject
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.upsert import split
from cm_core.upsert.gather import gather_rows
from tests.integration.changes import noted

checked = hypothesis_settings(
    max_examples=1,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _outcome(make_settings: Any, make_database: Any, paths: list[Path]) -> set[Any]:
    database = make_database()
    settings = make_settings(database=database)
    for path in paths:
        import_file(settings, database, path)
    linkage.run(settings, database)
    return golden(database)


@checked
@given(batches=files, seed=st.integers(0, 1000))
def test_golden_clusters_do_not_depend_on_the_order(
    batches: list[list[Row]], seed: int, make_settings: Any, make_database: Any
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        unique = list({tuple(batch): batch for batch in batches}.values())
        paths = [write_file(Path(folder) / f"{n}.csv", batch, day=n) for n, batch in enumerate(unique)]
        shuffled = random.Random(seed).sample(paths, len(paths))
        assert _outcome(make_settings, make_database, paths) == _outcome(make_settings, make_database, shuffled)


@pytest.mark.soak
@hypothesis_settings(parent=checked, max_examples=60)
@given(batches=files, seed=st.integers(0, 1000))
def test_golden_clusters_do_not_depend_on_the_order_long(
    batches: list[list[Row]], seed: int, make_settings: Any, make_database: Any
) -> None:
    test_golden_clusters_do_not_depend_on_the_order.hypothesis.inner_test(batches, seed, make_settings, make_database)


def _switchboard(surnames: tuple[str, ...]) -> list[Row]:
    return [Row(first="Ann", last=name, phone="405-232-9700") for name in surnames]


def test_a_phone_found_to_be_shared_takes_persons_apart_again(
    make_settings: Any, make_database: Any, tmp_path: Path
) -> None:
    few = write_file(tmp_path / "few.csv", _switchboard(("Adams", "Baker")), day=1)
    many = write_file(tmp_path / "many.csv", _switchboard(("Clark", "Davis", "Evans", "Flynn")), day=2)

    database = make_database()
    settings = make_settings(database=database)
    import_file(settings, database, few)
    assert query(database, "select count(*) from persons") == [(1,)]
    linkage.run(settings, database)
    with noted(database):
        import_file(settings, database, many)
    with noted(database):
        linkage.run(settings, database)

    assert len(golden(database)) == 6
    assert query(database, "select count(distinct person_id) from person_sources") == [(6,)]
    assert query(database, "select action, count(*) from dedup_audit_log group by action") == [("split", 5)]
    assert query(
        database,
        "select p.last_name, n.phone_e164 from persons as p join phone_numbers as n on n.person_id = p.id order by 1",
    ) == [(name, "+14052329700") for name in ("Adams", "Baker", "Clark", "Davis", "Evans", "Flynn")]
    assert golden(database) == _outcome(make_settings, make_database, [many, few])
    before = golden(database)
    linkage.run(settings, database)
    assert golden(database) == before


OWNER = Row(first="Ann", last="Adams", phone="405-232-9700", email="a@example.org")
NEWER = Row(first="Ann", last="Adams", phone="580-467-2744", email="a@example.org", updated="2026-03-01")


@pytest.fixture
def about_to_split(
    make_settings: Any, make_database: Any, tmp_path: Path
) -> tuple[Settings, Database, Callable[[Callable[[], object]], int]]:
    """One person of two rows that the next dedupe takes apart, and a dedupe in which something happens meanwhile.

    That is when the rows have been read and the persons not yet written; it gives how many persons were split off.
    """
    database = make_database()
    settings = make_settings(database=database)
    import_file(settings, database, write_file(tmp_path / "few.csv", [OWNER, *_switchboard(("Baker",))], day=1))
    linkage.run(settings, database)
    many = _switchboard(("Clark", "Davis", "Evans", "Flynn"))
    import_file(settings, database, write_file(tmp_path / "many.csv", many, day=2))

    def run(meanwhile: Callable[[], object]) -> int:
        def gather_and_wait(*given: Any) -> None:
            gather_rows(*given)
            patch.undo()
            meanwhile()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(split, "gather_rows", gather_and_wait)
            return linkage.run(settings, database).split

    return settings, database, run


def test_rows_that_come_while_persons_are_taken_apart_are_kept(
    about_to_split: Any, make_settings: Any, make_database: Any, tmp_path: Path
) -> None:
    settings, database, run = about_to_split
    late = write_file(tmp_path / "late.csv", [NEWER], day=3)
    assert run(lambda: import_file(settings, database, late)) == 0
    phones = "select phone_e164 from phone_numbers order by 1"
    assert query(database, phones) == [("+14052329700",), ("+15804672744",)]
    assert linkage.run(settings, database).split == 5
    paths = [late, tmp_path / "many.csv", tmp_path / "few.csv"]
    assert golden(database) == _outcome(make_settings, make_database, paths)


def test_who_is_forgotten_while_taken_apart_does_not_come_back(about_to_split: Any) -> None:
    settings, database, run = about_to_split
    run(lambda: privacy.forget(settings, database, Subject("email", "a@example.org"), reason="asked"))
    for _ in range(2):
        names = query(database, "select last_name from persons where last_name in ('Adams', 'Baker')")
        assert names == query(database, "select email from email_addresses") == []
        linkage.run(settings, database)


def test_persons_are_taken_apart_once_where_two_dedupes_meet(
    about_to_split: Any, make_settings: Any, make_database: Any, tmp_path: Path
) -> None:
    settings, database, run = about_to_split
    run(lambda: linkage.run(settings, database))
    paths = [tmp_path / "few.csv", tmp_path / "many.csv"]
    for _ in range(2):
        assert query(database, "select count(*), count(distinct person_id) from person_sources") == [(6, 6)]
        assert query(database, "select count(*) from persons") == [(6,)]
        assert golden(database) == _outcome(make_settings, make_database, paths)
        linkage.run(settings, database)
