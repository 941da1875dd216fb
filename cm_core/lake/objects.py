"""Object stores by URL: `file:///folder` or `s3://bucket/prefix`, one interface (obstore) for both.

What is stored where (key layouts) belongs to the callers; nothing here knows about imports.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from cm_core.errors import SettingsError, StoreError
from cm_core.settings import Settings


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
        self._root: Path | None = None
        parsed = urlparse(url)
        if parsed.scheme not in ("file", "s3"):
            raise SettingsError(f"{url!r} is no store URL: use file:///folder or s3://bucket/prefix.")
        try:
            if parsed.scheme == "file":
                self._root = Path(unquote(parsed.path))
                self._store: Any = LocalStore(self._root, mkdir=True, automatic_cleanup=False)
            else:
                self._store = _open_s3(self._url, settings.s3_endpoint_url)
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

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Objects whose key starts with the folder `prefix`, in no order."""
        try:
            for batch in obstore.list(self._store, prefix or None, chunk_size=1000):
                for item in batch:
                    yield _info(item)
        except (BaseError, OSError) as error:
            raise StoreError(f"Cannot list {self.url(prefix)}: {_first_line(error)}") from None

    def head(self, key: str) -> ObjectInfo | None:
        """What is stored under `key`, or None."""
        try:
            return _info(obstore.head(self._store, key))
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise StoreError(f"Cannot look at {self.url(key)}: {_first_line(error)}") from None

    def exists(self, key: str) -> bool:
        """Whether an object is stored under `key`."""
        return self.head(key) is not None

    def put_file(self, path: Path, key: str, *, write_once: bool = False) -> None:
        """Store the file `path` under `key` in one visible step.

        With `write_once`, an object already there is left alone and StoreError is raised.
        """
        if write_once and self.exists(key):
            raise StoreError(f"{self.url(key)} exists already and is write-once.")
        try:
            obstore.put(self._store, key, path)
        except (BaseError, OSError) as error:
            raise StoreError(f"Cannot store {self.url(key)}: {_first_line(error)}") from None

    def put_bytes(self, data: bytes, key: str) -> None:
        """Store `data` under `key` in one visible step."""
        try:
            obstore.put(self._store, key, data)
        except (BaseError, OSError) as error:
            raise StoreError(f"Cannot store {self.url(key)}: {_first_line(error)}") from None

    def get_bytes(self, key: str) -> bytes:
        """The whole object in memory: for small ones only."""
        try:
            return bytes(obstore.get(self._store, key).bytes())
        except FileNotFoundError:
            raise StoreError(f"{self.url(key)} is not there.") from None
        except (BaseError, OSError) as error:
            raise StoreError(f"Cannot read {self.url(key)}: {_first_line(error)}") from None

    def stream(self, key: str, *, chunk_bytes: int = 4 << 20) -> Iterator[bytes]:
        """The object's bytes in chunks, in constant memory."""
        try:
            for chunk in obstore.get(self._store, key).stream(min_chunk_size=chunk_bytes):
                yield bytes(chunk)
        except FileNotFoundError:
            raise StoreError(f"{self.url(key)} is not there.") from None
        except (BaseError, OSError) as error:
            raise StoreError(f"Cannot read {self.url(key)}: {_first_line(error)}") from None

    def get_file(self, key: str, path: Path) -> None:
        """Copy the object to the local file `path`, which has all of it or is not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with partial.open("wb") as out:
                for chunk in self.stream(key):
                    out.write(chunk)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

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


def _open_s3(url: str, endpoint: str | None) -> Any:
    """An S3 store; credentials come from the environment or the machine's role, as for every AWS program."""
    options: dict[str, Any] = {
        "config": {"endpoint": endpoint} if endpoint else {},
        "client_options": {"allow_http": True, "timeout": "60s"},
        # Seed D5: three times again after 5xx, 429 and errors of the network; other 4xx are final. Waits grow by the
        # factor 2 from a tenth of a second, with jitter.
        "retry_config": {
            "max_retries": 3,
            "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=15), "base": 2},
        },
    }
    return from_url(url, **options)


def _info(item: Any) -> ObjectInfo:
    modified: datetime = item["last_modified"]
    return ObjectInfo(item["path"], item["size"], modified.replace(tzinfo=None), str(item["e_tag"] or modified))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
