"""One interface over a folder and over S3: the same calls, the same answers, errors in one line."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import LocalStore

from cm_core.errors import SettingsError, StoreError
from cm_core.lake import ObjectStore
from cm_core.settings import Settings


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store of each kind."""
    if request.param == "folder":
        return ObjectStore((tmp_path / "store #1").as_uri(), Settings())
    bucket = request.getfixturevalue("bucket")
    return ObjectStore(f"s3://{bucket}/some/prefix/", Settings(s3_endpoint_url=request.getfixturevalue("s3_endpoint")))


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "in.bin"
    path.write_bytes(content)
    return path


KEYS = [
    "a.csv",
    "raw-uploads/2026/01/02/03/owners (1) & co_20260102.csv",
    "ünï/日本.parquet",
    "per%20cent+plus#hash~.csv",
]


@pytest.mark.parametrize("key", KEYS)
def test_what_is_put_comes_back(store: ObjectStore, tmp_path: Path, key: str) -> None:
    content = os.urandom(1000)
    before = datetime.now(UTC).replace(tzinfo=None)
    store.put_file(_file(tmp_path, content), key)
    assert store.exists(key)
    assert store.get_bytes(key) == content
    assert b"".join(store.stream(key, chunk_bytes=64)) == content
    store.get_file(key, tmp_path / "out" / "copy.bin")
    assert (tmp_path / "out" / "copy.bin").read_bytes() == content
    assert store.materialize(key, tmp_path / "scratch").read_bytes() == content
    (info,) = store.list()
    assert (info.key, info.size) == (key, 1000)
    assert info == store.head(key)
    assert abs((info.last_modified - before).total_seconds()) < 60
    assert store.url(key).endswith(key)


def test_an_empty_object_is_an_object(store: ObjectStore, tmp_path: Path) -> None:
    store.put_file(_file(tmp_path, b""), "empty")
    store.put_bytes(b"", "empty too")
    assert store.get_bytes("empty") == store.get_bytes("empty too") == b""
    assert {info.size for info in store.list()} == {0}


def test_a_large_object_goes_and_comes_in_parts(store: ObjectStore, tmp_path: Path) -> None:
    content = os.urandom(1 << 20) * 13
    store.put_file(_file(tmp_path, content), "large.bin")
    assert store.head("large.bin").size == len(content)  # type: ignore[union-attr]
    chunks = list(store.stream("large.bin"))
    assert b"".join(chunks) == content
    assert max(map(len, chunks)) < len(content)


def test_a_list_is_of_one_folder(store: ObjectStore) -> None:
    for key in ("a/1", "a/b/2", "ab/3", "c"):
        store.put_bytes(b"x", key)
    assert {info.key for info in store.list()} == {"a/1", "a/b/2", "ab/3", "c"}
    assert {info.key for info in store.list("a")} == {"a/1", "a/b/2"}
    assert list(store.list("nothing")) == []


def test_a_local_list_is_what_the_store_says_of_each_object(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path.as_uri(), Settings())
    for key in (*KEYS, "a b/c.csv", "\x80.csv", 'q"*?[1]|\\.csv', "#1", "list #1.csv", "list#1.csv"):
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(b"x" * len(key))
    (tmp_path / "linked.csv").symlink_to("a.csv")
    (tmp_path / "linked").symlink_to("raw-uploads")
    (tmp_path / "gone.csv").symlink_to("nowhere")
    (tmp_path / "being put#1").write_bytes(b"half")
    for times in (
        (-3_000_000_001, "a.csv"),
        (1_700_000_000_123_456_789, "a b/c.csv"),
        (4_070_908_800_000_000_999, "#1"),
    ):
        os.utime(tmp_path / times[1], ns=(0, times[0]))
    listed = list(store.list())
    by_library = [item["path"] for batch in obstore.list(LocalStore(tmp_path)) for item in batch]
    assert sorted(info.key for info in listed) == sorted(by_library)
    assert [store.head(info.key) for info in listed] == listed


def test_what_cannot_be_listed_is_named_and_the_rest_is_listed(tmp_path: Path) -> None:
    names = [b"caf\xe9.csv", b"a\nb.csv", b"a\x7fb.csv", b"folder\t/c.csv"]
    for name in names:
        path = tmp_path / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "good.csv").write_bytes(b"y")
    (tmp_path / "in" / "up").symlink_to(tmp_path)
    (tmp_path / "itself").symlink_to("itself")
    store = ObjectStore(tmp_path.as_uri(), Settings())
    unlisted: dict[str, str] = {}
    assert [info.key for info in store.list(unlisted=unlisted)] == ["in/good.csv"]
    assert set(unlisted) == {*(os.fsdecode(name).split("/")[0] for name in names), "in/up", "itself"}
    for key, shown in {"a\nb.csv": r"a\nb.csv", "caf\udce9.csv": r"caf\xe9.csv", "in/up": "in/up"}.items():
        assert shown in unlisted[key]
        assert unlisted[key].isprintable()
    with pytest.raises(StoreError, match="Cannot list"):
        list(store.list())


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (closed := tmp_path / "lost+found").mkdir()
    (tmp_path / "good.csv").write_bytes(b"y")
    unlisted: dict[str, str] = {}
    with _without_rights(closed):
        store = ObjectStore(tmp_path.as_uri(), Settings())
        assert [info.key for info in store.list(unlisted=unlisted)] == ["good.csv"]
    assert "Permission denied" in unlisted["lost+found"]


@contextmanager
def _without_rights(folder: Path) -> Iterator[None]:
    """Whoever runs the tests may not look into `folder`; root becomes somebody else for that."""
    folder.chmod(0)
    is_root = os.geteuid() == 0
    closed = {path: path.stat().st_mode for path in folder.parents if is_root and path.stat().st_mode & 0o55 != 0o55}
    try:
        if is_root:
            for path, mode in closed.items():
                path.chmod(mode | 0o55)
            os.seteuid(65534)
        yield
    finally:
        if is_root:
            os.seteuid(0)
            for path, mode in closed.items():
                path.chmod(mode)
        folder.chmod(0o700)


def test_write_once_leaves_what_is_there(store: ObjectStore, tmp_path: Path) -> None:
    store.put_file(_file(tmp_path, b"first"), "key", write_once=True)
    with pytest.raises(StoreError, match="write-once"):
        store.put_file(_file(tmp_path, b"second"), "key", write_once=True)
    assert store.get_bytes("key") == b"first"
    store.put_bytes(b"third", "key")
    assert store.get_bytes("key") == b"third"


def test_the_same_file_once_more_is_what_a_killed_process_put(store: ObjectStore, tmp_path: Path) -> None:
    store.put_once(_file(tmp_path, b"first"), "key")
    there = store.head("key")
    store.put_once(_file(tmp_path, b"first"), "key")
    assert store.head("key") == there
    for other in (b"firsT", b"first and more"):
        with pytest.raises(StoreError, match="used by another database"):
            store.put_once(_file(tmp_path, other), "key")
    assert store.get_bytes("key") == b"first"


def test_other_bytes_have_another_etag(store: ObjectStore) -> None:
    store.put_bytes(b"one", "key")
    first = store.head("key")
    store.put_bytes(b"two", "key")
    second = store.head("key")
    assert first is not None
    assert second is not None
    assert first.etag != second.etag


def test_what_is_not_there_is_said_in_one_line(store: ObjectStore, tmp_path: Path) -> None:
    assert store.head("nowhere") is None
    assert not store.exists("nowhere")
    for call in (
        lambda: store.get_bytes("nowhere"),
        lambda: list(store.stream("nowhere")),
        lambda: store.get_file("nowhere", tmp_path / "copy"),
        lambda: store.materialize("nowhere", tmp_path / "scratch"),
    ):
        with pytest.raises(StoreError, match="nowhere is not there") as failed:
            call()
        assert "\n" not in str(failed.value)
    assert not (tmp_path / "copy").exists()


def test_a_local_object_is_used_where_it_lies(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path.as_uri(), Settings())
    store.put_bytes(b"x", "a/b")
    assert store.materialize("a/b", tmp_path / "scratch") == tmp_path / "a" / "b" == store.local_path("a/b")


def test_a_download_is_kept_until_the_object_changes(bucket: str, s3_endpoint: str, tmp_path: Path) -> None:
    store = ObjectStore(f"s3://{bucket}", Settings(s3_endpoint_url=s3_endpoint))
    store.put_bytes(b"one", "key")
    first = store.materialize("key", tmp_path)
    assert store.materialize("key", tmp_path) == first
    store.put_bytes(b"two", "key")
    assert store.materialize("key", tmp_path).read_bytes() == b"two"


def test_a_download_that_breaks_off_leaves_nothing_behind(
    bucket: str, s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ObjectStore(f"s3://{bucket}", Settings(s3_endpoint_url=s3_endpoint))
    store.put_bytes(b"whole", "key")

    def break_off(key: str, *, size: int | None = None) -> Any:
        yield b"who"
        raise StoreError("the line is dead")

    with monkeypatch.context() as patch:
        patch.setattr(store, "stream", break_off)
        with pytest.raises(StoreError):
            store.materialize("key", tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert store.materialize("key", tmp_path).read_bytes() == b"whole"


@pytest.mark.parametrize("url", ["", "/var/data", "http://x/y", "ftp://x", "s3://", "file:///dev/null/x"])
def test_a_url_that_is_none_of_ours_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"file:///folder or s3://bucket/prefix") as refused:
        ObjectStore(url, Settings())
    assert "\n" not in str(refused.value)


def test_a_missing_bucket_is_said_in_one_line(s3_endpoint: str, tmp_path: Path) -> None:
    store = ObjectStore("s3://no-such-bucket/x", Settings(s3_endpoint_url=s3_endpoint))
    for call in (
        lambda: store.put_bytes(b"x", "key"),
        lambda: store.put_file(_file(tmp_path, b"x"), "key"),
        lambda: list(store.list()),
        lambda: store.get_bytes("key"),
    ):
        with pytest.raises(StoreError, match="s3://no-such-bucket/x") as failed:
            call()
        assert "\n" not in str(failed.value)
        assert failed.value.retryable


def test_an_endpoint_where_nobody_listens_is_said_soon(bucket: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = ObjectStore(f"s3://{bucket}", Settings(s3_endpoint_url=f"http://127.0.0.1:{port}"))
    started = time.monotonic()
    with pytest.raises(StoreError, match="Cannot store") as failed:
        store.put_bytes(b"x", "key")
    assert "\n" not in str(failed.value)
    assert time.monotonic() - started < 30
