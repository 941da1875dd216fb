"""A pull: pages of an API are kept in the lake, and become one file in the landing zone.

What a pull has read is in `api_pulls` and in `pulls/<pull id>/page-00001.jsonl` of the lake: one that was killed goes
on where it was. The file that lands has each record once, as the API gave it, a line each; importing it is the import
path's. A window that is pulled again lands again only if something in it has changed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from cm_core.imports.records import now
from cm_core.lake import ObjectStore, lake, landing_zone
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.store.locks import named_lock
from cm_core.telephony import statements
from cm_core.telephony.client import Page, RingCentralClient, ringcentral
from cm_core.telephony.windows import Window

if TYPE_CHECKING:
    from pymysql.connections import Connection

#: A pull that was left for longer begins anew: what it has read may have changed meanwhile.
_LEFT_FOR_GOOD = timedelta(hours=6)
_HALF = re.compile("[\ud800-\udfff]")
#: Two at the same window would read the same; the second waits so long for the first.
_PATIENCE_S = 5.0


@dataclass(frozen=True)
class PullResult:
    """What a pull came to.

    `state`: LANDED, EMPTY (nothing to land), or SAME (as `landing_key`, which an earlier revision landed). `records`
    are those of the file; `pages`, `requests` (logins among them) and `waited_seconds` what they took, a killed
    predecessor's included. `left`: requests that the limit group has left in its window, as the API last said; None
    where nothing had to be asked.
    """

    pull_id: str
    source: str
    day: date | None
    window_from: datetime
    window_to: datetime
    revision: int
    state: str
    records: int
    pages: int
    requests: int
    waited_seconds: float
    left: int | None
    landing_key: str | None

    def as_json(self) -> dict[str, Any]:
        """The form that `cm calls pull --json` prints."""
        return asdict(self)


@dataclass
class _Pull:
    """A row of `api_pulls`."""

    pull_id: str
    revision: int
    window_from: datetime
    window_to: datetime
    state: str
    next_cursor: str | None
    pages: int
    records: int
    landing_key: str | None
    checksum_sha256: str | None
    started_at: datetime


@dataclass(frozen=True)
class Source:
    """Something to be pulled: `read` gives a page by its cursor (None: the first); a record's `key` tells it from
    others, and `version` the later of two states of one. `is_whole`: every pull reads all there is, whatever its day.
    """

    name: str
    read: Callable[[RingCentralClient, Window, str | None], Page]
    key: Callable[[dict[str, Any]], str]
    version: Callable[[dict[str, Any]], str]
    is_whole: bool = False


def pull(
    settings: Settings, database: Database, source: Source, window: Window, *, max_wait_s: float = 3_700.0
) -> PullResult:
    """Read the window, or what is still to be read of it, and let it land.

    Raises WriterBusy where another process is at it, and the errors of `cm_core.web`; what was read is kept then.
    """
    with (
        database.connect(autocommit=True) as connection,
        named_lock(connection, f"cm_pull.{source.name}.{window.name}", timeout_s=_PATIENCE_S),
    ):
        row = _begin(connection, source, window)
        with ringcentral(settings, database, purpose=row.pull_id, max_wait_s=max_wait_s) as client:
            pages = _Pages(lake(settings), row.pull_id)
            if row.landing_key is None:
                _read(connection, client, source, window, row, pages)
            _land(settings, connection, source, window, row, pages)
            usage, left = client.usage(), client.left
    return PullResult(
        row.pull_id, source.name, window.day, row.window_from, row.window_to, row.revision, row.state, row.records,
        row.pages, usage.requests, usage.waited_seconds, left, row.landing_key,
    )  # fmt: skip


def _begin(connection: Connection[Any], source: Source, window: Window) -> _Pull:
    """The pull to go on with, or a new one."""
    last = _one(connection, statements.LAST, source.name, window.day, window.day, window.begin, window.end)
    if last is not None and last.state == "OPEN":
        is_same = (last.window_from, last.window_to) == (window.begin, window.end)
        if last.landing_key is not None or (is_same and now() - last.started_at < _LEFT_FOR_GOOD):
            return last
        _execute(connection, statements.BEGIN_ANEW, window.begin, window.end, now(), last.pull_id)
        return replace(last, window_from=window.begin, window_to=window.end, next_cursor=None, pages=0, records=0)
    revision = 1 if last is None else last.revision + 1
    pull_id = f"{source.name}_{window.name}_r{revision}"
    _execute(connection, statements.BEGIN, pull_id, source.name, window.day, revision, window.begin, window.end, now())
    return _Pull(pull_id, revision, window.begin, window.end, "OPEN", None, 0, 0, None, None, now())


def _read(
    connection: Connection[Any], client: RingCentralClient, source: Source, window: Window, row: _Pull, pages: _Pages
) -> None:
    """Read what is still to be read; each page is kept before the row says that it is."""
    while not row.pages or row.next_cursor is not None:
        page = source.read(client, window, row.next_cursor)
        pages.keep(row.pages + 1, page.records)
        row.pages, row.records, row.next_cursor = row.pages + 1, row.records + len(page.records), page.next_page
        _execute(connection, statements.KEEP, row.next_cursor, row.pages, row.records, row.pull_id)


def _land(
    settings: Settings, connection: Connection[Any], source: Source, window: Window, row: _Pull, pages: _Pages
) -> None:
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="pull-", dir=settings.scratch_dir) as folder:
        path = Path(folder) / "records.jsonl"
        row.records, row.checksum_sha256 = _write(path, pages.lines(row.pages), source)
        before = _landed_before(connection, source, window)
        if not row.records:
            row.state, row.landing_key = "EMPTY", None
        elif before is not None and before.checksum_sha256 == row.checksum_sha256:
            row.state, row.landing_key = "SAME", before.landing_key
        else:
            # The place first: whoever goes on after a kill finds the file there, or puts it there.
            row.landing_key = row.landing_key or f"raw-uploads/{now():%Y/%m/%d/%H}/{row.pull_id}.jsonl"
            _execute(connection, statements.PLACE, row.landing_key, row.checksum_sha256, row.pull_id)
            landing_zone(settings).put_once(path, row.landing_key)
            row.state = "LANDED"
    values = (row.state, row.records, row.landing_key, row.checksum_sha256, now(), row.pull_id)
    _execute(connection, statements.FINISH, *values)


def _write(path: Path, lines: Callable[[], Iterator[str]], source: Source) -> tuple[int, str]:
    """Write each record once, in its latest state; how many there are, and their checksum.

    A record comes twice where others pushed it from one page to the next while they were read.
    """
    latest: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines()):
        record = json.loads(line)
        key, version = source.key(record), source.version(record)
        if key not in latest or version >= latest[key][0]:
            latest[key] = (version, number)
    wanted = {number for _, number in latest.values()}
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for number, line in enumerate(lines()):
            if number in wanted:
                data = f"{line}\n".encode()
                digest.update(data)
                file.write(data)
    return len(wanted), digest.hexdigest()


class _Pages:
    """The pages of a pull in the lake."""

    def __init__(self, store: ObjectStore, pull_id: str) -> None:
        self._store, self._folder = store, f"pulls/{pull_id}"

    def keep(self, number: int, records: list[dict[str, Any]]) -> None:
        """Keep a page; one of the same number is replaced."""
        self._store.put_bytes("".join(f"{_line(record)}\n" for record in records).encode(), self._key(number))

    def lines(self, count: int) -> Callable[[], Iterator[str]]:
        """Call it for all records of the first `count` pages, a line each; twice, if need be."""

        def read() -> Iterator[str]:
            for number in range(1, count + 1):
                # U+2028 and its like are no line ends here.
                yield from self._store.get_bytes(self._key(number)).decode().split("\n")[:-1]

        return read

    def _key(self, number: int) -> str:
        return f"{self._folder}/page-{number:05d}.jsonl"


def _line(record: dict[str, Any]) -> str:
    """The record as JSON; sorted, so that it has the same bytes however the API orders its fields.

    Half of a character, where a text was cut within one, is no UTF-8: a mark stands for it, and the text is read.
    """
    return _HALF.sub("\ufffd", json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")))


def _landed_before(connection: Connection[Any], source: Source, window: Window) -> _Pull | None:
    """The pull whose file counts as what is known: of the same window, or of any where each is the whole."""
    if source.is_whole:
        return _one(connection, statements.LAST_LANDED_OF_ANY, source.name)
    return _one(connection, statements.LAST_LANDED, source.name, window.day, window.day, window.begin, window.end)


def _one(connection: Connection[Any], statement: str, *values: object) -> _Pull | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: Any = cursor.fetchone()
    return None if found is None else _Pull(*found)


def _execute(connection: Connection[Any], statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
