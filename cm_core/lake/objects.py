"""Object stores by URL: `file:///folder` or `s3://bucket/prefix`, one interface (obstore) for both.

What is stored where (key layouts) belongs to the callers; nothing here knows about imports.

A request that fails for want of the network, or with a 5xx or 429, is tried again three times after growing, random
pauses; other refusals are not repeated. The library sees to that for single requests, and goes on with a download
where it broke off. What it does not see to is done here: answers that break off when listing or when an upload
begins, and downloads that end early without saying so.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import obstore
import tenacity
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from cm_core.errors import SettingsError, StoreError
from cm_core.settings import Settings

#: Seed D5: three times again.
_TRIES = 4
#: Pauses between tries, in seconds: the shortest and the longest.
_PAUSES = (0.2, 15.0)
#: A download may last so long; that nothing comes for a while is what ends it (`s3_timeout_seconds`).
_LONGEST = timedelta(hours=1)
_STATUS = re.compile(r"status code: (\d{3}[\w ]*)")
_RETRIES = re.compile(r"after (\d+) retries")
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
#: Files that the library is writing.
_BEING_PUT = re.compile(r"^[^#]*#\d+$", re.ASCII)
_BAD_PATH = "invalid path"
_BROKEN_OFF = re.compile(r"response body|Got invalid [\w ]*response")


@dataclass(frozen=True)
class ObjectInfo:
    """One stored object. `etag` changes whenever the bytes are replaced; `last_modified` is naive UTC."""

    key: str
    size: int
    last_modified: datetime
    etag: str


class ObjectStore:
    """Files by key under one URL. Failures of the store are StoreError (retryable) naming the object."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = url.rstrip("/")
        self._settings = settings
        self._root: Path | None = None
        parsed = urlparse(url)
        if parsed.scheme not in ("file", "s3"):
            raise SettingsError(f"{url!r} is no store URL: use file:///folder or s3://bucket/prefix.")
        try:
            if parsed.scheme == "file":
                self._root = Path(unquote(parsed.path))
                self._store: Any = LocalStore(self._root, mkdir=True, automatic_cleanup=False)
            else:
                self._store = _open_s3(self._url, settings)
        except (BaseError, OSError, ValueError) as error:
            raise SettingsError(
                f"{url!r} cannot be opened: {_first_line(error)}. Use file:///folder or s3://bucket/prefix."
            ) from None

    @property
    def is_local(self) -> bool:
        """Whether objects are files of this machine."""
        return self._root is not None

    def url(self, key: str) -> str:
        """The object's full URL, for people and for other programs."""
        return f"{self._url}/{key}"

    def local_path(self, key: str) -> Path | None:
        """The object as a file of this machine, or None where the store is remote."""
        return self._root / key if self._root else None

    def list(self, prefix: str = "", *, unlisted: dict[str, str] | None = None) -> Iterator[ObjectInfo]:
        """Objects whose key starts with the folder `prefix`, in no order.

        With `unlisted`, what cannot be an object (a name that is no text or has a blank part, a folder that may not be
        read or leads back to itself) is entered there, with the reason, by its path; without, StoreError is raised.
        """
        if self._root is not None:
            return self._list_local(self._root, prefix, unlisted)
        return self._list_remote(prefix, unlisted)

    def _list_remote(self, prefix: str, unlisted: dict[str, str] | None) -> Iterator[ObjectInfo]:
        last: str | None = None
        tries = 1
        while True:
            try:
                for batch in obstore.list(self._store, prefix or None, offset=last, chunk_size=1000):
                    for item in batch:
                        yield _info(item)
                        last, tries = item["path"], 1  # S3 lists in the order of keys
                return
            except (BaseError, OSError) as error:
                if unlisted is not None and _BAD_PATH in str(error):
                    yield from self._list_keys(prefix, last, unlisted)
                    return
                if not _is_broken_off(error) or tries >= _TRIES:
                    raise StoreError(f"Cannot list {self.url(prefix)}: {_reason(error)}") from None
                time.sleep(_pause(tries))
                tries += 1

    def _list_keys(self, prefix: str, last: str | None, unlisted: dict[str, str]) -> Iterator[ObjectInfo]:
        """The rest of a list of S3 in which a key is none that the library takes: by AWS's own library, which is slower
        and takes any.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # half a second, and hardly ever needed

        place = urlparse(self._url)
        root = place.path.strip("/") + "/" if place.path.strip("/") else ""
        start = {"StartAfter": f"{root}{last}"} if last else {}
        try:
            pages = _s3_client(self._settings).get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=place.netloc, Prefix=f"{root}{prefix}/" if prefix else root, **start):
                for item in page.get("Contents", ()):
                    key = item["Key"].removeprefix(root)
                    if key.endswith("/") and not item["Size"]:  # what the console makes of a folder
                        continue
                    if any(part in ("", ".", "..") for part in key.split("/")):
                        unlisted[key] = (
                            f"Cannot take {self.url(key)}: a part of its name between slashes is blank or dots. Store "
                            "it under another name."
                        )
                        continue
                    yield ObjectInfo(key, item["Size"], item["LastModified"].replace(tzinfo=None), item["ETag"])
        except (BotoCoreError, ClientError) as error:
            raise StoreError(f"Cannot list {self.url(prefix)}: {_first_line(error)}") from None

    def _list_local(self, root: Path, prefix: str, unlisted: dict[str, str] | None) -> Iterator[ObjectInfo]:
        """The library's list stops at the first name or folder that it does not take."""

        def refuse(key: str, reason: str) -> None:
            message = f"Cannot list {_printable(self.url(key))}: {reason}."
            if unlisted is None:
                raise StoreError(message)
            unlisted[key] = message

        folders: list[tuple[str, frozenset[tuple[int, int]]]] = [(prefix.strip("/"), frozenset())]
        while folders:
            folder, above = folders.pop()
            try:
                status = (root / folder).stat()
                identity = (status.st_dev, status.st_ino)
                if identity in above:
                    refuse(folder, "it links to a folder that it lies in")
                    continue
                with os.scandir(root / folder) as entries:
                    found = list(entries)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                refuse(folder, str(error.strerror))
                continue
            for entry in found:
                key = f"{folder}/{entry.name}".lstrip("/")
                try:
                    is_folder = entry.is_dir()
                    if not is_folder and (not entry.is_file() or _BEING_PUT.search(entry.name)):
                        continue
                    status = entry.stat()
                except FileNotFoundError:  # taken away meanwhile
                    continue
                except OSError as error:
                    refuse(key, str(error.strerror))
                    continue
                if not _is_text(entry.name):
                    refuse(key, "its name has control characters, or bytes that are no UTF-8; give it another")
                elif is_folder:
                    folders.append((key, above | {identity}))
                else:
                    yield _local_info(key, status)

    def head(self, key: str) -> ObjectInfo | None:
        """What is stored under `key`, or None."""
        try:
            return _info(obstore.head(self._store, key))
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise StoreError(f"Cannot look at {self.url(key)}: {_reason(error)}") from None

    def exists(self, key: str) -> bool:
        """Whether an object is stored under `key`."""
        return self.head(key) is not None

    def put_file(self, path: Path, key: str, *, write_once: bool = False) -> None:
        """Store the file `path` under `key` in one visible step.

        With `write_once`, an object already there is left alone and StoreError is raised.
        """
        if write_once and self.exists(key):
            raise StoreError(f"{self.url(key)} exists already and is write-once.")
        self._put(path, key)

    def put_once(self, path: Path, key: str) -> None:
        """Store the file `path` under `key`, where the same file may lie already: a killed process put it there.

        Raises StoreError where something else is there.
        """
        there = self.head(key)
        if there is None:
            self.put_file(path, key, write_once=True)
        elif there.size != path.stat().st_size or not self._is_same(path, key):
            raise StoreError(
                f"Another file is at {self.url(key)}. Was the landing zone used by another database? It is "
                "write-once: take that file away, or use a landing zone of one's own."
            )

    def take_file(self, path: Path, key: str) -> None:
        """Store the file `path` under `key` in one visible step; it may be gone afterwards.

        Where the store is on the same file system, nothing is copied.
        """
        if local := self.local_path(key):
            local.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # another file system: it has to be copied
                path.replace(local)
                return
        self._put(path, key)

    def put_bytes(self, data: bytes, key: str) -> None:
        """Store `data` under `key` in one visible step."""
        self._put(data, key)

    def _put(self, what: Path | bytes, key: str) -> None:
        try:
            # An upload in parts is not seen before its end, and the same one again does no harm.
            _retrying(_is_broken_off)(obstore.put, self._store, key, what)
        except (BaseError, OSError) as error:
            raise StoreError(f"Cannot store {self.url(key)}: {_reason(error)}") from None

    def get_bytes(self, key: str) -> bytes:
        """The whole object in memory: for small ones only."""
        return _retrying(_is_cut)(lambda: b"".join(self.stream(key, size=self._size(key))))

    def stream(self, key: str, *, size: int | None = None, chunk_bytes: int = 4 << 20) -> Iterator[bytes]:
        """The object's bytes in chunks, in constant memory.

        Raises StoreError when they end before or after the `size` that the object was seen to have.
        """
        read = 0
        try:
            for chunk in obstore.get(self._store, key).stream(min_chunk_size=chunk_bytes):
                read += len(chunk)
                yield bytes(chunk)
        except FileNotFoundError:
            raise StoreError(f"{self.url(key)} is not there.") from None
        except (BaseError, OSError) as error:
            raise StoreError(f"Cannot read {self.url(key)}: {_reason(error)}") from None
        if size is not None and read != size:
            raise _Cut(f"Cannot read {self.url(key)}: {read:,} bytes came of {size:,}.")

    def get_file(self, key: str, path: Path) -> None:
        """Copy the object to the local file `path`, which has all of it or is not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            _retrying(_is_cut)(self._copy, key, partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _copy(self, key: str, path: Path) -> None:
        with path.open("wb") as out:
            for chunk in self.stream(key, size=self._size(key)):
                out.write(chunk)

    def _is_same(self, path: Path, key: str) -> bool:
        digest = hashlib.sha256()
        for chunk in self.stream(key):
            digest.update(chunk)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest() == digest.digest()

    def _size(self, key: str) -> int | None:
        """What a download must come to; of local files nothing needs to be asked."""
        info = self.head(key) if self._root is None else None
        return info.size if info else None

    def materialize(self, key: str, scratch: Path) -> Path:
        """The object as a local file: itself where the store is local, else a download into `scratch`.

        A download is used again as long as the object is the same.
        """
        if local := self.local_path(key):
            if not local.exists():
                raise StoreError(f"{self.url(key)} is not there.")
            return local
        info = self.head(key)
        if info is None:
            raise StoreError(f"{self.url(key)} is not there.")
        path = scratch / hashlib.sha256(f"{key}\n{info.etag}".encode()).hexdigest()[:16] / Path(key).name
        if not path.exists():
            self.get_file(key, path)
        return path


def landing_zone(settings: Settings) -> ObjectStore:
    """Where files arrive; never changed after arrival."""
    return ObjectStore(settings.landing, settings)


def lake(settings: Settings) -> ObjectStore:
    """Where staged Parquet, reports and linkage results are kept."""
    return ObjectStore(settings.lake, settings)


class _Cut(StoreError):
    """A download that ended early and did not say so."""


def _open_s3(url: str, settings: Settings) -> Any:
    """An S3 store; credentials come from the environment or the machine's role, as for every AWS program."""
    shortest, longest = (timedelta(seconds=seconds) for seconds in _PAUSES)
    options: dict[str, Any] = {
        "config": {"endpoint": settings.s3_endpoint_url} if settings.s3_endpoint_url else {},
        "client_options": {
            "allow_http": True,
            "timeout": _LONGEST,
            "read_timeout": timedelta(seconds=settings.s3_timeout_seconds),
        },
        "retry_config": {
            "max_retries": _TRIES - 1,
            "backoff": {"init_backoff": shortest, "max_backoff": longest, "base": 2},
            "retry_timeout": _LONGEST,
        },
    }
    return from_url(url, **options)


def _s3_client(settings: Settings) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        read_timeout=settings.s3_timeout_seconds,
        retries={"total_max_attempts": _TRIES, "mode": "standard"},
        s3={"addressing_style": "path" if settings.s3_endpoint_url else "auto"},
    )
    region = os.environ.get("AWS_REGION") or None
    return boto3.client("s3", endpoint_url=settings.s3_endpoint_url, region_name=region, config=config)


def _retrying(again: Callable[[BaseException], bool]) -> tenacity.Retrying:
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(again),
        wait=lambda state: _pause(state.attempt_number),
        stop=tenacity.stop_after_attempt(_TRIES),
        reraise=True,
    )


def _pause(tries: int) -> float:
    """Seconds to wait after so many tries."""
    shortest, longest = _PAUSES
    return min(shortest * 2.0 ** (tries - 1) * random.uniform(0.5, 1.5), longest)


def _is_broken_off(error: BaseException) -> bool:
    """Whether an answer came in part, which the library does not try again."""
    return isinstance(error, BaseError) and _BROKEN_OFF.search(str(error)) is not None


def _is_cut(error: BaseException) -> bool:
    return isinstance(error, _Cut)


def _info(item: Any) -> ObjectInfo:
    modified: datetime = item["last_modified"]
    return ObjectInfo(item["path"], item["size"], modified.replace(tzinfo=None), str(item["e_tag"] or modified))


def _local_info(key: str, status: os.stat_result) -> ObjectInfo:
    """What the library says of a local file when asked for it alone: the ledger of what was seen stands on it."""
    modified = status.st_mtime_ns // 1000
    etag = f'"{status.st_ino:x}-{max(modified, 0):x}-{status.st_size:x}"'
    return ObjectInfo(key, status.st_size, datetime(1970, 1, 1) + timedelta(microseconds=modified), etag)


def _is_text(name: str) -> bool:
    """Whether the library takes a name; bytes that are no UTF-8 are lone surrogates."""
    return _NO_TEXT.search(name) is None


def _printable(text: str) -> str:
    """A path for a message, on one line."""
    shown = os.fsencode(text).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def _reason(error: Exception) -> str:
    """What went wrong, in one sentence without what the library says of its own doings."""
    text = str(error)
    if status := _STATUS.search(text):
        reason = f"the store answered {status[1].strip()}"
    elif "error sending request" in text:
        reason = "the connection failed, or no answer came in time"
    elif _BROKEN_OFF.search(text):
        reason = "the answer broke off"
    else:
        reason = _first_line(error).rstrip(".")
    retries = _RETRIES.search(text)
    return f"{reason}{f' ({int(retries[1]) + 1} tries)' if retries else ''}."


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
