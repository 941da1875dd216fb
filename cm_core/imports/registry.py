"""Files become imports: from the command line, or found in the landing zone. Each version of each file once.

The ledger (`landing_files`) and the import's record are written in one transaction under one database lock, so that
the sensor and the command line never register the same object twice. Reading the file is in `pipeline`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pymysql.connections import Connection

from cm_core.errors import CmError, FileRejected, StoreError, UsageError
from cm_core.imports import arrival, records, reports
from cm_core.imports.dialect import sha256_of
from cm_core.imports.feed_catalog import feed_names, load_feed
from cm_core.imports.formats import archives
from cm_core.imports.name_dates import dates_in
from cm_core.imports.naming import Choice, choose_feed
from cm_core.imports.records import HOLD, now
from cm_core.imports.replay_log import Correction
from cm_core.lake import ObjectInfo, ObjectStore, landing_zone
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.store.ids import allot
from cm_core.store.locks import is_held, named_lock

_PREFIX = "raw-uploads"
_LOCK = "cm_register"
_CHUNK = 4 << 20
#: When this process last listed all of a store on S3, and how often it does.
_LOOKED_AT_ALL: dict[str, float] = {}
_ALL_SECONDS = 900.0
#: legacy / feed / table / plan / slice
_SLICE_DEPTH = 5
_LANDED_AS = """
(
    select import_id, 0 from import_metadata
    where landing_key = %s and checksum_sha256 = %s and status = 'COMPLETE'
    order by id desc
    limit 1
)
union all
(select import_id, 1 from import_replays where landing_key = %s and checksum_sha256 = %s limit 1)
limit 1
"""
_COPY = """
select l.import_id
from landing_files as l
inner join import_metadata as m on m.import_id = l.import_id
where l.landing_key = %s and l.file_size_bytes = %s and l.last_modified = %s and m.checksum_sha256 = %s
limit 1
"""
_OVERTAKEN = """
select 1
from import_metadata as later
where later.landing_key like %s and later.landing_key like %s and later.landing_key < %s
    and later.status <> 'DUPLICATE'
    and later.landing_key > (
        select max(same.landing_key)
        from import_metadata as same
        where same.checksum_sha256 = %s and same.status <> 'DUPLICATE'
            and same.landing_key like %s and same.landing_key like %s and same.landing_key < %s
    )
limit 1
"""
#: Names of files that are still being written, or that systems leave behind: in lower case, as they are compared.
_PASSED_OVER = (
    ".*", "*~", "~$*", "*.part", "*.tmp", "*.partial", "*.crdownload", "*.download", "*.filepart", "_success",
    "thumbs.db", "desktop.ini", "icon\r", "lost+found", "$recycle.bin", "system volume information", "@eadir",
)  # fmt: skip


@dataclass(frozen=True)
class Registration:
    """What registering a file came to: a new import, one to take up again, a DUPLICATE, or REJECTED."""

    import_id: str
    status: str
    feed: str
    duplicate_of: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class WaitingImport:
    """An import that nobody is working on and that is not finished."""

    import_id: str
    feed: str
    target: str
    attempt: int
    size_bytes: int = 0


def register_files(
    settings: Settings, database: Database, path: Path, *, feed: str | None = None, uploaded_by: str | None = None
) -> list[Registration]:
    """Like `register_file`, but a zip archive of several files becomes an import for each of them.

    The files land unpacked, under their own names and checksums, with the archive's date. An archive of which a file
    cannot be unpacked is registered as it is; reading it then says why it is REJECTED.
    """
    check_path(path)
    with several_files(settings, path) as packed:
        if not packed:
            return [register_file(settings, database, path, feed=feed, uploaded_by=uploaded_by)]
        choices = [Choice(feed) if feed else choose_feed(file.name, readable(path.name)) for file in packed]
        return [
            _register(settings, database, file, choice, uploaded_by=uploaded_by)
            for file, choice in zip(packed, choices, strict=True)
        ]


@contextmanager
def several_files(settings: Settings, path: Path) -> Iterator[list[Path]]:
    """The files of a zip archive, unpacked, if it has several; none for any other file."""
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="zip-", dir=settings.scratch_dir) as scratch:
        try:
            files = _unpack_all(path, Path(scratch), settings.max_file_bytes)
        except FileRejected:
            files = []
        yield files


def names_of(path: Path) -> tuple[str, ...]:
    """What tells which feed a file is of: the name of the only file in a zip archive, then its own."""
    try:
        packed = archives.members(path) if archives.archive_kind(path) == "zip" else ()
    except FileRejected:  # reading it then says why
        packed = ()
    inside = [archives.base_name(member.name) for member in packed] if len(packed) == 1 else []
    return (*inside, readable(path.name))


def _unpack_all(path: Path, scratch: Path, max_bytes: int) -> list[Path]:
    """The files of an archive of several; all of them together are held to the limits of one."""
    if archives.archive_kind(path) != "zip":
        return []
    members = archives.members(path)
    if len(members) < 2:
        return []
    files = []
    moment = path.stat().st_mtime
    left = min(max_bytes, archives.most_unpacked(path.stat().st_size))
    for number, member in enumerate(members):
        folder = scratch / str(number)
        folder.mkdir()
        unpacked = archives.unpack(path, folder / "unpacked", max_bytes=left, member=member.name)
        left -= unpacked.path.stat().st_size
        name = re.sub(r"[\x00/]", "_", unpacked.name)[-150:] or "unnamed"
        files.append(unpacked.path.rename(folder / name))
        os.utime(files[-1], (moment, moment))
    return files


def register_file(
    settings: Settings, database: Database, path: Path, *, feed: str | None = None, uploaded_by: str | None = None
) -> Registration:
    """Put the file `path` into the landing zone and register it as an import, held by this process.

    The same bytes for the same feed: a finished import makes this one a DUPLICATE; an unfinished one is taken up
    again under its own id. A file that cannot be an import (empty, too large, unknown feed) is registered as
    REJECTED with the reason. Raises FileRejected where there is no file to register.
    """
    check_path(path)
    choice = Choice(feed) if feed else choose_feed(*names_of(path))
    return _register(settings, database, path, choice, uploaded_by=uploaded_by)


def _register(
    settings: Settings, database: Database, path: Path, choice: Choice, *, uploaded_by: str | None
) -> Registration:
    name = readable(path.name)
    sha256, size = hash_of(path)
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
    user = uploaded_by or records.actor()
    arrived = now()
    with database.connect() as connection, named_lock(connection, _LOCK, timeout_s=600):
        reason = refusal(settings, choice, size)
        if known := same_bytes(connection, sha256, choice.feed, name, refused=reason is not None):
            return _again(settings, database, connection, known, name, user, arrived, modified, choice, reason)
        if reason:
            import_id = _insert(
                connection, choice, name, "", path.resolve().as_uri(), user, arrived, modified, size, sha256
            )
            records.set_status(connection, import_id, "REJECTED", status_reason=reason, finished_at=now())
            connection.commit()
            return Registration(import_id, "REJECTED", choice.feed, reason=reason)
        store = landing_zone(settings)
        key = _free_key(store, name, arrived)
        store.put_file(path, key, write_once=True)
        info = store.head(key)
        assert info is not None
        import_id = _insert(connection, choice, name, key, store.url(key), user, arrived, modified, size, sha256)
        HOLD.take(database, import_id)
        _enter_ledger(connection, store, info, import_id)
        connection.commit()
    return Registration(import_id, "PENDING", choice.feed)


def land_beside(
    settings: Settings, database: Database, import_id: str, path: Path, correction: Correction
) -> Correction:
    """Put a file with mended rows of an import into the landing zone, which is not an import of its own.

    The same bytes land once for an import. Returns `correction` with the place.
    """
    with database.connect() as connection, named_lock(connection, _LOCK, timeout_s=600):
        with connection.cursor() as cursor:
            cursor.execute(
                "select landing_key, s3_location from import_replays where import_id = %s and checksum_sha256 = %s "
                "limit 1",
                (import_id, correction.sha256),
            )
            known = cursor.fetchone()
        if known:
            return replace(correction, landing_key=known[0], s3_location=known[1])
        store = landing_zone(settings)
        key = _free_key(store, correction.filename, now())
        store.put_file(path, key, write_once=True)
        info = store.head(key)
        assert info is not None
        _enter_ledger(connection, store, info, import_id)
        connection.commit()
    return replace(correction, landing_key=key, s3_location=store.url(key))


def scan_landing(
    settings: Settings, database: Database, *, budget_seconds: float = 30.0, problems: list[str] | None = None
) -> list[Registration]:
    """Register what is new and has arrived whole in the landing zone; takes on none after `budget_seconds`.

    An object counts as new when its key and etag are not in the ledger. Files of a local folder that may still be
    written to (`arrival`) wait for a later scan. Returns this scan's registrations, in order of arrival.

    An object that cannot be listed or read keeps none of the others out, and is tried again by the next scan: with
    `problems` it is named there, without them StoreError is raised at the end.
    """
    store = landing_zone(settings)
    deadline = time.monotonic() + budget_seconds
    unlisted: dict[str, str] = {}
    began, looks_at_all = time.monotonic(), _looks_at_all(store)
    prefixes = [""] if looks_at_all else _recent_prefixes()
    found = {info.key: info for prefix in prefixes for info in store.list(prefix, unlisted=unlisted)}
    candidates = sorted(
        (info for info in found.values() if _is_upload(info.key)), key=lambda info: (info.last_modified, info.key)
    )
    registered: list[Registration] = []
    unreadable = [message for key, message in unlisted.items() if _is_upload(key)]
    with database.connect() as connection, records.acting_as("landing zone"):
        seen = _seen(connection)
        for info in candidates:
            if _object_id(store, info) in seen:
                continue
            if not (store.is_local or info.size or store.exists(info.key)):
                continue  # what the console makes of a folder
            if time.monotonic() > deadline:
                looks_at_all = False  # there is more
                break
            path = store.local_path(info.key)
            if path is not None and not arrival.has_arrived(path, settle_seconds=settings.settle_seconds):
                continue
            try:
                registered += _register_object(settings, database, connection, store, info)
            except StoreError as error:
                connection.rollback()
                if path is None:
                    unreadable.append(f"{error} It is tried again by the next scan.")
                elif path.exists():  # and else it was taken away again
                    unreadable.append(f"{error} Give the account that imports the right to read it.")
    if looks_at_all:
        _LOOKED_AT_ALL[store.url("")] = began
    if unreadable and problems is None:
        raise StoreError(" ".join(unreadable))
    (problems if problems is not None else []).extend(unreadable)
    return registered


def waiting(database: Database) -> list[WaitingImport]:
    """Imports to run, oldest first: registered, or left by a process that is gone, if only for want of its reports."""
    result = []
    with database.connect() as connection, connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(records.UNFINISHED))
        cursor.execute(
            "select import_id, feed, attempt, file_size_bytes from import_metadata "
            f"where status in ({marks}) or (status = 'COMPLETE' and checklist_s3 is null) order by id",
            records.UNFINISHED,
        )
        for import_id, feed, attempt, size in cursor.fetchall():
            if not is_held(connection, records.lock_name(import_id)):
                result.append(WaitingImport(import_id, feed, load_feed(feed).target, attempt, size))
    return result


def named(database: Database, import_ids: Sequence[str]) -> list[WaitingImport]:
    """The imports of these ids, in order of arrival."""
    found = records.find(
        database, f"where import_id in ({', '.join(['%s'] * len(import_ids))}) order by id", tuple(import_ids)
    )
    return [WaitingImport(r.import_id, r.feed, load_feed(r.feed).target, r.attempt, r.file_size_bytes) for r in found]


def targets(database: Database, import_ids: Sequence[str]) -> dict[str, str]:
    """The target of each import's feed, as far as import and feed are known."""
    known = feed_names()
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            f"select import_id, feed from import_metadata where import_id in ({', '.join(['%s'] * len(import_ids))})",
            tuple(import_ids),
        )
        return {import_id: load_feed(feed).target for import_id, feed in cursor.fetchall() if feed in known}


def readable(name: str) -> str:
    """A path's text where bytes of another encoding than UTF-8 are replaced: neither databases nor JSON take them."""
    return os.fsencode(name).decode("utf-8", "replace")


def check_path(path: Path) -> None:
    """Raise FileRejected where there is no file to read."""
    shown = readable(str(path))
    try:
        if not path.exists():
            raise FileRejected(f"{shown}: there is no such file.")
        if path.is_dir():
            raise FileRejected(f"{shown}: is a folder. Name the files in it, for example {shown}/*.csv.")
        if not path.is_file():
            raise FileRejected(f"{shown}: is not a regular file.")
        path.open("rb").close()
    except OSError as error:
        raise FileRejected(f"{shown}: cannot be read: {error.strerror}.") from None


def hash_of(path: Path) -> tuple[str, int]:
    """Checksum (hex) and size in bytes of a file."""
    with path.open("rb") as file:
        return sha256_of(iter(lambda: file.read(_CHUNK), b""))


def refusal(settings: Settings, choice: Choice, size: int) -> str | None:
    """Why a file of this size and feed cannot be an import at all, or None."""
    if size == 0:
        return "The file is empty."
    if size > settings.max_file_bytes:
        limit = settings.max_file_bytes / 1024**3
        return f"The file has {size / 1024**3:.2f} GB, more than the limit of {limit:.2f} GB. Split it."
    try:
        load_feed(choice.feed)
    except UsageError as error:
        return str(error)
    return choice.refusal


def same_bytes(
    connection: Connection[Any], sha256: str, feed: str, name: str, *, refused: bool
) -> tuple[str, str] | None:
    """The import of these bytes for this feed that counts: a finished one, else one to take up again.

    Where the file is `refused`, only one that was refused counts; else none that was refused before it was stored. A
    do-not-call list that has the same numbers at another date, as its `name` says, is another version of it: what came
    in between is over.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select import_id, status, filename from import_metadata where checksum_sha256 = %s and feed = %s "
            "and if(%s, status = 'REJECTED', status <> 'DUPLICATE' and landing_key <> '') "
            "order by status = 'COMPLETE' desc, id",
            (sha256, feed, refused),
        )
        found = list(cursor.fetchall())
    if feed in feed_names() and load_feed(feed).target == "dnc_registry":
        found = [row for row in found if dates_in(row[2]) == dates_in(name)]
    return (found[0][0], found[0][1]) if found else None


def _again(
    settings: Settings,
    database: Database,
    connection: Connection[Any],
    known: tuple[str, str],
    name: str,
    user: str,
    arrived: datetime,
    modified: datetime,
    choice: Choice,
    reason: str | None,
) -> Registration:
    """Bytes that are an import already: a DUPLICATE of the finished one, or the unfinished one once more.

    One that is refused again, for `reason`, stays REJECTED. A finished one whose process was killed before it wrote the
    reports gets them now.
    """
    first = records.get(database, known[0])
    if first.status == "COMPLETE":
        if not first.reports:
            reports.write(settings, database, first.import_id)
        import_id = _insert(
            connection, choice, name, first.landing_key, first.s3_location, user, arrived, modified,
            first.file_size_bytes, first.checksum_sha256,
        )  # fmt: skip
        _mark_duplicate(connection, import_id, first.import_id)
        connection.commit()
        return Registration(import_id, "DUPLICATE", first.feed, duplicate_of=first.import_id)
    if reason:
        return Registration(first.import_id, "REJECTED", first.feed, reason=reason)
    HOLD.take(database, first.import_id)
    _try_again(connection, first.import_id, choice, f"the same file was given again by {user}")
    connection.commit()
    return Registration(first.import_id, "PENDING", first.feed)


def _try_again(connection: Connection[Any], import_id: str, choice: Choice, why: str) -> None:
    """An unfinished import waits once more; who now says of which feed it is, is not contradicted by its name."""
    told: dict[str, Any] = {} if choice.by_name else {"file_format": None}
    records.set_status(connection, import_id, "PENDING", why=why, status_reason=None, **told)


def _mark_duplicate(connection: Connection[Any], import_id: str, first: str) -> None:
    records.set_status(
        connection,
        import_id,
        "DUPLICATE",
        duplicate_of=first,
        status_reason=f"The same bytes are import {first}; nothing to do.",
        finished_at=now(),
    )


def _insert(
    connection: Connection[Any],
    choice: Choice,
    name: str,
    key: str,
    url: str,
    user: str,
    arrived: datetime,
    modified: datetime,
    size: int,
    sha256: str,
) -> str:
    """Write a PENDING record under the next free import id of the day; the caller commits.

    Newer values win, so a file is dated no later than it `arrived`, whatever its time of writing (`modified`) says.
    """
    day = arrived.strftime("%Y_%m_%d")
    number = allot(connection, f"imp_{day}", 1)
    import_id = f"imp_{day}_{number:03d}"
    version = load_feed(choice.feed).schema_version if choice.feed in feed_names() else None
    told = json.dumps(records.FEED_BY_NAME) if choice.by_name else None
    suffix = Path(name).suffix.lstrip(".").lower()[:16] or "csv"
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into import_metadata (import_id, feed, filename, source_type, import_date, landing_key, "
            "s3_location, uploaded_by, uploaded_at, source_date, file_size_bytes, checksum_sha256, schema_version, "
            "file_format, status) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'PENDING')",
            (
                import_id, choice.feed[:64], name[:255], suffix, arrived.date(), key, url[:1024], user, arrived,
                min(modified, arrived), size, sha256, version, told,
            ),
        )  # fmt: skip
    records.audit(connection, import_id, "STATUS_PENDING")
    return import_id


def _register_object(
    settings: Settings, database: Database, connection: Connection[Any], store: ObjectStore, info: ObjectInfo
) -> list[Registration]:
    """Register one object of the landing zone, or the files in it.

    Nothing when another process did so meanwhile, or when a file was written to while it was read.
    """
    path = Path(info.key)
    file = store.local_path(info.key)
    before = arrival.fingerprint(file) if file else None
    names: tuple[str, ...] = (path.name,)
    if path.suffix.lower() == ".zip" and info.size <= settings.max_file_bytes:
        packed, names = _register_packed(settings, database, connection, store, info)
        if packed:
            return packed
    choice = choose_feed(*names, folders=path.parts[:-1])
    too_large = info.size > settings.max_file_bytes
    sha256 = "" if too_large else sha256_of(store.stream(info.key, size=None if file else info.size))[0]
    if file and (arrival.fingerprint(file) != before or store.head(info.key) != info):
        return []
    with named_lock(connection, _LOCK, timeout_s=60):
        if _is_seen(connection, store, info):
            return []
        landed_as = _landed_as(connection, info.key, sha256)
        copy_of = landed_as[0] if landed_as and landed_as[1] else _is_copy(connection, info, sha256)
        if copy_of is not None:
            _enter_ledger(connection, store, info, copy_of)
            connection.commit()
            return []
        if landed_as and not (first := records.get(database, landed_as[0])).is_feed_by_name:
            choice = Choice(first.feed)  # who said of which feed it is, is not contradicted by its name
        arrived = now()
        import_id = _insert(
            connection, choice, path.name, info.key, store.url(info.key), "landing zone", arrived, info.last_modified,
            info.size, sha256,
        )  # fmt: skip
        feed = choice.feed
        registration = Registration(import_id, "PENDING", feed)
        if reason := refusal(settings, choice, info.size):
            records.set_status(connection, import_id, "REJECTED", status_reason=reason, finished_at=now())
            registration = Registration(import_id, "REJECTED", feed, reason=reason)
        elif (
            (known := same_bytes(connection, sha256, feed, path.name, refused=False))
            and known[0] != import_id
            and (landed_as is not None or not _was_overtaken(connection, sha256, info.key))
        ):
            _mark_duplicate(connection, import_id, known[0])
            if known[1] in ("FAILED", "REJECTED"):  # whoever drops the file again wants it tried again
                _try_again(connection, known[0], choice, f"the same file was dropped again: {info.key}")
            registration = Registration(import_id, "DUPLICATE", feed, duplicate_of=known[0])
        _enter_ledger(connection, store, info, import_id)
        connection.commit()
    return [registration]


def _register_packed(
    settings: Settings, database: Database, connection: Connection[Any], store: ObjectStore, info: ObjectInfo
) -> tuple[list[Registration], tuple[str, ...]]:
    """Register each file of a zip archive in the landing zone that has several; nothing for any other.

    Also the names that tell what the archive itself is. Killed half-way, the next scan begins again and finds the files
    that are registered already by their bytes.
    """
    path = Path(info.key)
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="zip-", dir=settings.scratch_dir) as scratch:
        archive = store.materialize(info.key, Path(scratch))
        names = names_of(archive)
        with several_files(settings, archive) as packed:
            registrations = []
            for file in packed:
                choice = choose_feed(file.name, path.name, folders=path.parts[:-1])
                registration = _register(settings, database, file, choice, uploaded_by="landing zone")
                HOLD.release(registration.import_id)
                registrations.append(registration)
    if registrations:
        with named_lock(connection, _LOCK, timeout_s=60):
            if not _is_seen(connection, store, info):
                _enter_ledger(connection, store, info, registrations[0].import_id)
            connection.commit()
    return registrations, names


def _enter_ledger(connection: Connection[Any], store: ObjectStore, info: ObjectInfo, import_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into landing_files (object_id, landing_key, etag, file_size_bytes, last_modified, import_id) "
            "values (%s, %s, %s, %s, %s, %s)",
            (_object_id(store, info), info.key, info.etag[:128], info.size, info.last_modified, import_id),
        )


def _object_id(store: ObjectStore, info: ObjectInfo) -> str:
    return hashlib.sha256(f"{store.url(info.key)}\n{info.etag}".encode()).hexdigest()


def _landed_as(connection: Connection[Any], key: str, sha256: str) -> tuple[str, bool] | None:
    """The import that these very bytes at this very key came in as, or that they are mended rows of (True)."""
    with connection.cursor() as cursor:
        cursor.execute(_LANDED_AS, (key, sha256, key, sha256))
        row = cursor.fetchone()
    return (str(row[0]), bool(row[1])) if row else None


def _is_copy(connection: Connection[Any], info: ObjectInfo, sha256: str) -> str | None:
    """The import of the same file of which this is another copy, as of a backup: nothing of it is news."""
    with connection.cursor() as cursor:
        cursor.execute(_COPY, (info.key, info.size, info.last_modified, sha256))
        row = cursor.fetchone()
    return str(row[0]) if row else None


def _was_overtaken(connection: Connection[Any], sha256: str, key: str) -> bool:
    """Whether a slice of the legacy database had other bytes since it last had these: then they are news again."""
    parts = key.split("/")
    if parts[0] != "legacy" or len(parts) != _SLICE_DEPTH:
        return False
    folder, number = "/".join(parts[:3]), key.rpartition("-")[2]
    with connection.cursor() as cursor:
        of_slice = (_like(f"{folder}/") + "%", "%-" + _like(number), key)
        cursor.execute(_OVERTAKEN, (*of_slice, sha256, *of_slice))
        return cursor.fetchone() is not None


def _like(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _seen(connection: Connection[Any]) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("select object_id from landing_files")
        seen = {row[0] for row in cursor.fetchall()}
    connection.commit()
    return seen


def _is_seen(connection: Connection[Any], store: ObjectStore, info: ObjectInfo) -> bool:
    connection.commit()  # the question is about the present, not about when a transaction began
    with connection.cursor() as cursor:
        return bool(cursor.execute("select 1 from landing_files where object_id = %s", (_object_id(store, info),)))


def _looks_at_all(store: ObjectStore) -> bool:
    """Whether it is time to list everything: always in a local folder; on S3 at first, and then every 15 minutes."""
    return store.is_local or time.monotonic() - _LOOKED_AT_ALL.get(store.url(""), -_ALL_SECONDS) >= _ALL_SECONDS


def _recent_prefixes() -> list[str]:
    """Where to look on S3 in between: the slices of the legacy database, and two days of uploads."""
    today = datetime.now(UTC)
    days = (today - timedelta(days=1), today, today + timedelta(days=1))
    return ["legacy", *(f"{_PREFIX}/{day:%Y/%m/%d}" for day in days)]


def _is_upload(key: str) -> bool:
    parts = Path(key.lower()).parts
    return not any(fnmatchcase(part, pattern) for part in parts for pattern in _PASSED_OVER)


def _free_key(store: ObjectStore, name: str, arrived: datetime) -> str:
    """`raw-uploads/YYYY/MM/DD/HH/<name>_<timestamp>.<ext>` (seed D1), numbered where two arrive in one second."""
    path = Path(re.sub(r"[^\w.\- ()&+,@=]", "_", name))
    # A file name has at most 255 bytes, however many characters these are.
    stem, suffix = (
        text.encode()[:limit].decode(errors="ignore") for text, limit in ((path.stem, 150), (path.suffix, 20))
    )
    base = f"{_PREFIX}/{arrived:%Y/%m/%d/%H}/{stem}_{arrived:%Y%m%d_%H%M%S}"
    for number in range(1, 10_000):
        key = f"{base}{'' if number == 1 else f'_{number}'}{suffix}"
        if not store.exists(key):
            return key
    raise CmError(f"{store.url(base)}: thousands of files of this name arrived within a second.")
