"""Pulls of a day: what changed in the CRM lands as JSON lines. Persons, and activities and deals with their person's
contact points.

A day's window is half-open, from its first second less an overlap to the next day's first, by the CRM's `update_time`.
It begins earlier where what came before was never read: a day that was left out, or pulled before it had ended, is made
good by the next. The first pull ever reads everything. How a pull survives being killed is said in `pulls`, what of its
people lands in `people`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from cm_core.crm import people, pulls
from cm_core.crm.client import Page, PipedriveClient, pipedrive
from cm_core.crm.fields import PersonFields, person_fields, refresh_fields
from cm_core.crm.landing import Landing, land_people
from cm_core.crm.people import Readings
from cm_core.crm.pulls import ACTIVITIES, DEALS, EMPTY, OPEN, PERSONS, Pull
from cm_core.crm.records import PersonRecord, moment, normal
from cm_core.crm.things import land_things, person_of
from cm_core.settings import Settings
from cm_core.store.locks import retry_deadlocks, transaction
from cm_core.web import ApiRefused, Usage

if TYPE_CHECKING:
    from pymysql.connections import Connection

    from cm_core.store.database import Database

SOURCES = (PERSONS, ACTIVITIES, DEALS)
_BAD_REQUEST = 400


@dataclass(frozen=True)
class PullResult:
    """What became of a pull. `lines` of the file that landed (`landing_key`; None: nothing new), `usage` of the API."""

    pull_id: str
    source: str
    day: date | None
    state: str
    window_from: datetime | None
    window_to: datetime | None
    pages: int
    records: int
    lines: int
    landing_key: str | None
    opt_outs: int
    opt_outs_key: str | None
    usage: Usage
    readings: Readings = field(default_factory=Readings)
    #: What is ticked at `Do not contact` and is no channel of ours.
    not_understood: tuple[str, ...] = ()


def pull_day(
    settings: Settings, database: Database, day: date, *, source: str = PERSONS, everything: bool = False
) -> PullResult:
    """Pull the changes of a day (UTC) of one source, or go on with that pull where it was broken off.

    A day that was pulled before is read again, as its next revision: what has not changed does not land again.
    `everything`: no matter when it changed. Raises the errors of `cm_core.web` (what was read stays read), and
    WriterBusy while another process reads the CRM.
    """
    with pulls.reading(database) as connection:
        pull = _open(settings, connection, source, day, everything)
        with pipedrive(settings, database, purpose=pull.pull_id) as client:
            reader = Reader(settings, connection, client)
            pull = reader.read(pull)
            suffix = f"r{pull.revision}"
            at = datetime.combine(day, time())
            if source == PERSONS:
                landing = land_people(settings, database, connection, pull, reader.fields, at=at, suffix=suffix)
            else:
                landing = land_things(settings, connection, client, pull, reader.fields, at=at, suffix=suffix)
            return result_of(pulls.pull_of(connection, pull.pull_id), landing, client.usage(), reader)


def result_of(pull: Pull, landing: Landing, usage: Usage, reader: Reader) -> PullResult:
    """What became of a pull that is done."""
    return PullResult(
        pull_id=pull.pull_id, source=pull.source, day=pull.day, state=pull.state, window_from=pull.window_from,
        window_to=pull.window_to, pages=pull.pages, records=pull.records, lines=landing.people,
        landing_key=landing.landing_key, opt_outs=landing.opt_outs, opt_outs_key=landing.opt_outs_key, usage=usage,
        readings=reader.readings, not_understood=tuple(sorted(reader.not_understood)),
    )  # fmt: skip


def covered_to(known: Sequence[Pull]) -> datetime | None:
    """The moment (of the CRM's clock) before which all changes have been read; None: never was everything read."""
    spans = [
        (each.window_from or datetime.min, found)
        for each in known
        if each.state != OPEN and (found := moment(each.detail.get("covered_to")))
    ]
    covered: datetime | None = None
    for begin, end in sorted(spans):
        if begin == datetime.min or (covered is not None and begin <= covered):
            covered = max(covered or end, end)
    return covered


class Reader:
    """Reads a pull's pages into the lake, and people into `crm_persons` as well.

    Raises SettingsError where requests not to be contacted cannot be read any more: nothing lands without them.
    """

    def __init__(self, settings: Settings, connection: Connection[Any], client: PipedriveClient) -> None:
        self._settings = settings
        self._connection = connection
        self._client = client
        self.readings = Readings()
        self.not_understood: set[str] = set()
        self.fields: PersonFields = person_fields(settings, client)
        self.fields.check_requests()
        self._is_fresh = False

    def read(self, pull: Pull) -> Pull:
        """Read what is left of the pull."""
        taken_up = pull.pages > 0
        while not pull.is_read:
            try:
                pull = self._page(pull)
            except ApiRefused as error:
                # Cursors are not kept for ever. One of a process that is gone may not be taken any more.
                if error.status != _BAD_REQUEST or not taken_up:
                    raise
                pull = pulls.read_again(self._connection, pull)
            taken_up = False
        return pull

    def note(self, items: Sequence[Mapping[str, Any]], read_at: datetime) -> None:
        """Note people that were read, in a transaction of their own."""
        self._note(items, read_at, lambda _: None)

    def understand(self, records: Sequence[PersonRecord]) -> None:
        """Read the fields anew (once) where the records have a field or an option that is not known."""
        if not self._is_fresh and not all(self.fields.knows(record) for record in records):
            self.fields, self._is_fresh = refresh_fields(self._settings, self._client), True
            self.fields.check_requests()
        for record in records:
            self.not_understood |= self.fields.not_understood(record)

    def kept(self, source: str, items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """What may be kept: nothing of people who had their data deleted with us."""
        whose = [each.get("id") if source == PERSONS else person_of(each) for each in items]
        with self._connection.cursor() as cursor:
            erased = people.erased_of(cursor, sorted({number for number in whose if isinstance(number, int)}))
        self._connection.commit()
        return [each for each, number in zip(items, whose, strict=True) if number not in erased]

    def now(self) -> datetime:
        """The database's clock."""
        with self._connection.cursor() as cursor:
            found = people.now(cursor)
        self._connection.commit()
        return found

    def _page(self, pull: Pull) -> Pull:
        read_at = self.now()
        lists = self._lists(pull)
        number = int(pull.detail.get("list", 0))
        page = lists[number](pull.next_cursor)
        pulls.put_page(self._settings, pull, self.kept(pull.source, page.items))
        detail: dict[str, Any] = {} if pull.pages else {"covered_to": _covered(pull, page, read_at).isoformat()}
        is_last_page = page.next_cursor is None
        is_last = is_last_page and number + 1 == len(lists)
        if is_last_page and not is_last:
            detail["list"] = number + 1

        noted = pull

        def note(cursor: Any) -> None:
            nonlocal noted
            noted = pulls.note_page(cursor, pull, page.next_cursor, len(page.items), read=is_last, detail=detail)

        self._note(page.items if pull.source == PERSONS else (), read_at, note)
        return noted

    def _note(self, items: Sequence[Mapping[str, Any]], read_at: datetime, also: Callable[[Any], None]) -> None:
        records = [normal(item) for item in items]
        self.understand(records)
        self.readings.add(_noted(self._connection, records, read_at, self.fields, also))

    def _lists(self, pull: Pull) -> list[Callable[[str | None], Page]]:
        """The lists to read one after the other. Everything is read by id: nobody moves in it while it is read."""
        window: dict[str, Any] = {
            "updated_since": pull.window_from, "updated_until": pull.window_to,
            "sort_by": "id" if pull.window_from is None else "update_time",
        }  # fmt: skip
        client = self._client
        if pull.source == PERSONS:
            return [lambda cursor: client.list_persons(cursor=cursor, **window)]
        if pull.source == ACTIVITIES:
            return [lambda cursor: client.list_activities(cursor=cursor, **window)]
        return [
            lambda cursor: client.list_deals(cursor=cursor, **window),
            lambda cursor: client.list_deals(cursor=cursor, archived=True, **window),
        ]


@retry_deadlocks
def _noted(
    connection: Connection[Any], records: Any, read_at: datetime, fields: PersonFields, also: Callable[[Any], None]
) -> Readings:
    with transaction(connection), connection.cursor() as cursor:
        found = people.note_read(connection, records, read_at=read_at, fields=fields)
        also(cursor)
    return found


def _open(settings: Settings, connection: Connection[Any], source: str, day: date, everything: bool) -> Pull:
    """The day's pull that is under way, or a new revision of it."""
    last = pulls.last_of_day(connection, source, day)
    if last and last.state == OPEN:
        if not everything or last.window_from is None or last.is_decided:
            return last
        with transaction(connection), connection.cursor() as cursor:  # all of it is read instead
            pulls.finish(cursor, last, EMPTY)
    revision = last.revision + 1 if last else 1
    overlap = timedelta(minutes=settings.pipedrive_overlap_minutes)
    begin, end = datetime.combine(day, time()), datetime.combine(day, time()) + timedelta(days=1)
    covered = None if everything else covered_to(pulls.pulls_of(connection, source))
    window = (None, None) if covered is None else (min(begin, covered) - overlap, end)
    pull_id = f"{source}-{day:%Y-%m-%d}-r{revision}"
    return pulls.open_pull(connection, source, pull_id=pull_id, day=day, revision=revision, window=window)


def _covered(pull: Pull, page: Page, read_at: datetime) -> datetime:
    """Up to when the pull covers what changed: its window's end, or the moment it began if that is earlier."""
    began = page.server_time or read_at
    return min(began, pull.window_to) if pull.window_to else began


def days(first: date, last: date) -> Iterator[date]:
    """The days from the first to the last."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
