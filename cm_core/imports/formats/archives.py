"""One file out of a gzip, zstd or zip archive, unpacked into a scratch file within limits.

Names in an archive are names and never paths: what is unpacked goes where the caller says. zstd is read by pyarrow,
the others by the standard library. What the unpacked file is, its reader finds out; archives in archives are refused.
"""

from __future__ import annotations

import errno
import gzip
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import pyarrow as pa

from cm_core.errors import FileRejected

Kind = Literal["gzip", "zstd", "zip"]

#: Real tables and dumps are packed 3 to 50 times smaller. Small files may be packed more, being mostly one thing.
MAX_RATIO = 250
_RATIO_FROM_BYTES = 64 << 20
_MAX_MEMBERS = 10_000
_CHUNK = 1 << 20
_SHOWN = 20

_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
)  # fmt: skip
_NESTED = {b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar"}
_SUFFIXES = {"gzip": (".gz", ".gzip"), "zstd": (".zst", ".zstd")}
_NO_DATA = re.compile(r"thumbs\.db|desktop\.ini|~\$.*", re.IGNORECASE)
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_DAMAGE = (
    EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, pa.ArrowException, lzma.LZMAError, NotImplementedError,
    RuntimeError, ValueError, OverflowError, struct.error, KeyError, IndexError,
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """A file in an archive: its name there, and its unpacked size in bytes as the archive claims it."""

    name: str
    size: int


@dataclass(frozen=True)
class Unpacked:
    """An unpacked file, and the name by which it was packed (without folders)."""

    path: Path
    name: str


def archive_kind(path: Path) -> Kind | None:
    """Which archive the file is, by its first bytes; None for anything else, and for workbooks, which are zip files."""
    with path.open("rb") as file:
        head = file.read(8)
    kind = next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)
    return None if kind == "zip" and _is_document(path) else kind


def members(path: Path) -> tuple[Member, ...]:
    """The files of a zip archive that may hold data, in its order: no folders, hidden files, or `__MACOSX`.

    Raises FileRejected when the archive is damaged or has more than 10,000 entries.
    """
    with _reading(path.name), zipfile.ZipFile(path) as archive:
        return tuple(Member(info.filename, info.file_size) for info in _data(archive, path.name))


def unpack(path: Path, destination: Path, *, max_bytes: int, member: str | None = None) -> Unpacked:
    """Unpack the one file of the archive `path`, or the one called `member`, into the file `destination`.

    Raises FileRejected, and leaves nothing at `destination`, when the archive is damaged, cut off or encrypted; has no
    file or several with none chosen; holds an archive; unpacks to more than `max_bytes` or to MAX_RATIO times its size.
    """
    kind = archive_kind(path)
    if kind is None:
        raise FileRejected(f"{path.name} is no gzip, zstd or zip archive.")
    try:
        if kind == "zip":
            with _reading(path.name), zipfile.ZipFile(path) as archive:
                info = _chosen(archive, path.name, member)
                name = info.filename
                with archive.open(info) as stream:
                    _copy(stream, destination, path.name, info.compress_size, max_bytes)
        else:
            name = _inner_name(path.name, kind)
            with path.open("rb") as packed, _reading(path.name), _stream(packed, kind) as stream:
                _copy(stream, destination, path.name, path.stat().st_size, max_bytes)
        _refuse_nested(destination, path.name)
    except BaseException:
        destination.unlink(missing_ok=True)
        raise
    return Unpacked(destination, base_name(name))


def base_name(name: str) -> str:
    """A name in an archive without its folders."""
    return name.replace("\\", "/").rpartition("/")[2]


def most_unpacked(packed: int) -> int:
    """Bytes that so many packed ones may come to, where they are no bomb."""
    return max(packed * MAX_RATIO, _RATIO_FROM_BYTES)


@contextmanager
def _stream(packed: IO[bytes], kind: Kind) -> Iterator[IO[bytes]]:
    if kind == "gzip":
        with gzip.GzipFile(fileobj=packed) as stream:
            yield stream  # type: ignore[misc]
    else:
        with pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), "zstd") as stream:
            yield stream


def _copy(stream: IO[bytes], destination: Path, name: str, packed: int, max_bytes: int) -> None:
    most = most_unpacked(packed)
    size = 0
    with destination.open("wb") as file:
        while True:
            try:
                chunk = stream.read(_CHUNK)
            except OSError as error:  # pyarrow says damage so; a disk that fails says it when the file is written
                raise _damaged(name, error) from None
            if not chunk:
                return
            size += len(chunk)
            if size > max_bytes:
                raise FileRejected(
                    f"{name} unpacks to more than {_readable(max_bytes)}, the most an import may have. "
                    "Split it, or raise CM_MAX_FILE_BYTES."
                )
            if size > most:
                raise FileRejected(
                    f"{name} unpacks to more than {MAX_RATIO} times its size: this looks like a zip bomb. "
                    "If it is not, send the file unpacked."
                )
            file.write(chunk)


def _chosen(archive: zipfile.ZipFile, name: str, member: str | None) -> zipfile.ZipInfo:
    found = _data(archive, name)
    if not found:
        raise FileRejected(f"{name} holds no file.")
    if member is not None:
        found = [info for info in found if info.filename == member]
        if not found:
            raise FileRejected(f"{name} has no file {member!r}. It has {_listed(_data(archive, name))}.")
    if len(found) > 1:
        raise FileRejected(f"{name} holds {len(found)} files: {_listed(found)}. Send each of them by itself.")
    info = found[0]
    if info.flag_bits & 0x1:
        raise FileRejected(f"{name} is encrypted with a password. Send it without one.")
    if info.compress_type not in _READABLE:
        raise FileRejected(
            f"{name} is packed by an unusual method ({info.compress_type}). Pack it as an ordinary zip file."
        )
    return info


def _data(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > _MAX_MEMBERS:
        raise FileRejected(f"{name} holds more than {_MAX_MEMBERS:,} files.")
    return [info for info in entries if not info.is_dir() and _may_hold_data(info.filename)]


def _may_hold_data(name: str) -> bool:
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    if not parts or name.endswith("\\"):
        return False
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not hidden and _NO_DATA.fullmatch(parts[-1]) is None


def _listed(found: list[zipfile.ZipInfo]) -> str:
    shown = ", ".join(repr(info.filename) for info in found[:_SHOWN])
    return shown + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


def _inner_name(name: str, kind: Kind) -> str:
    suffix = next((suffix for suffix in _SUFFIXES[kind] if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)] or name


def _refuse_nested(path: Path, name: str) -> None:
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise FileRejected(f"The file in {name} is empty.")
    kind: str | None = archive_kind(path)
    kind = kind or next((kind for magic, kind in _NESTED.items() if head.startswith(magic)), None)
    if kind is None and head[257:262] == b"ustar":
        kind = "tar"
    if kind is not None:
        raise FileRejected(f"{name} holds another archive ({kind}). Unpack it and send the table itself.")


def _is_document(path: Path) -> bool:
    """Whether a zip file is an Office or OpenDocument file."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {info.filename for info in archive.infolist()}
    except (OSError, *_DAMAGE):
        return False
    return "[Content_Types].xml" in names or "mimetype" in names


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except FileRejected:
        raise
    except _DAMAGE as error:
        raise _damaged(name, error) from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place in front of the file, which only a damaged directory names
            raise
        raise _damaged(name, error) from None


def _damaged(name: str, error: Exception) -> FileRejected:
    reason = (str(error).splitlines() or [""])[0] or type(error).__name__
    return FileRejected(f"{name} is damaged or cut off ({reason}). Transfer it again.")


def _readable(size: int) -> str:
    return f"{size / 1024**3:.1f} GB" if size >= 1024**3 else f"{size / 1024**2:.1f} MB"
