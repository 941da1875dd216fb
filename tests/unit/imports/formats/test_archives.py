"""Archives: one file out, within limits; damage, bombs, passwords and archives in archives are refused."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import strategies as st

from cm_core.errors import FileRejected
from cm_core.imports.formats import archives
from cm_core.imports.formats.archives import Member, archive_kind, members, unpack
from tests.forms import in_two_forms

TEXT = b"".join(b"%d,name %d\n" % (n, n * 7919) for n in range(30_000))


def zstd(content: bytes) -> bytes:
    return pa.Codec("zstd").compress(content, asbytes=True)  # type: ignore[no-any-return]


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


Unpack = Callable[..., tuple[bytes, str]]


@pytest.fixture
def run(tmp_path: Path) -> Unpack:
    """`run("a.csv.gz", content)`: the bytes and the name of what comes out."""

    def run(name: str, content: bytes, *, max_bytes: int = 1 << 30, member: str | None = None) -> tuple[bytes, str]:
        path, out = tmp_path / name, tmp_path / "out"
        path.write_bytes(content)
        try:
            found = unpack(path, out, max_bytes=max_bytes, member=member)
        finally:
            assert {p.name for p in tmp_path.iterdir()} <= {name, "out"}
        return found.path.read_bytes(), found.name

    return run


@pytest.mark.parametrize(
    ("name", "content", "inner"),
    [
        ("a.csv.gz", lambda: gzip.compress(TEXT), "a.csv"),
        ("a.GZ", lambda: gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]) + b"\0" * 99, "a"),
        ("dump.sql.zst", lambda: zstd(TEXT), "dump.sql"),
        ("two.zst", lambda: zstd(TEXT[:9]) + zstd(TEXT[9:]), "two"),
        ("a.zip", lambda: zipped({"a.csv": TEXT}), "a.csv"),
        ("a.zip", lambda: zipped({"a.csv": TEXT}, zipfile.ZIP_BZIP2), "a.csv"),
        ("stored.zip", lambda: zipped({"x/": b"", "x/y/é.csv": TEXT}, zipfile.ZIP_STORED), "é.csv"),
        (
            "mac.zip",
            lambda: zipped(
                {
                    "__MACOSX/._a.csv": b"x",
                    ".DS_Store": b"x",
                    "a/.b/c": b"x",
                    "Thumbs.db": b"x",
                    "~$a.xlsx": b"x",
                    "a.csv": TEXT,
                }
            ),
            "a.csv",
        ),
        ("evil.zip", lambda: zipped({"../../etc/passwd": TEXT}), "passwd"),
        ("evil.zip", lambda: zipped({"/etc/passwd": TEXT}), "passwd"),
    ],
    ids=["gzip", "gzip twice", "zstd", "zstd twice", "zip", "bzip2", "stored", "mac", "above", "root"],
)
def test_the_file_comes_out(run: Unpack, name: str, content: Callable[[], bytes], inner: str) -> None:
    assert run(name, content()) == (TEXT, inner)


def test_kinds(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content, kind in [
        (gzip.compress(b"x"), "gzip"),
        (zstd(b"x"), "zstd"),
        (zipped({"a": b"x"}), "zip"),
        (zipped({}), "zip"),
        (b"a,b\n", None),
        (zipped({"[Content_Types].xml": b"x", "xl/workbook.xml": b"x"}), None),
        (b"", None),
        (b"PK\x03\x04 broken", "zip"),
    ]:
        path.write_bytes(content)
        assert archive_kind(path) == kind


def test_members_are_listed_and_chosen_by_name(run: Unpack, tmp_path: Path) -> None:
    content = zipped({"a/": b"", "a/x.csv": b"1", "../y.csv": TEXT, "__MACOSX/x": b"", "b/.hidden": b""})
    (tmp_path / "m.zip").write_bytes(content)
    assert members(tmp_path / "m.zip") == (Member("a/x.csv", 1), Member("../y.csv", len(TEXT)))
    (tmp_path / "m.zip").unlink()
    assert run("m.zip", content, member="../y.csv") == (TEXT, "y.csv")
    with pytest.raises(FileRejected, match=r"holds 2 files: 'a/x\.csv', '\.\./y\.csv'\. Send each"):
        run("m.zip", content)
    with pytest.raises(FileRejected, match=r"no file 'z'\. It has 'a/x\.csv'"):
        run("m.zip", content, member="z")


def encrypted() -> bytes:
    content = bytearray(zipped({"a.csv": TEXT}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def tar() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        info = tarfile.TarInfo("a.csv")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"a,b\n"))
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("e.zip", encrypted, "encrypted with a password"),
        ("l.zip", lambda: zipped({"a.csv": TEXT}, zipfile.ZIP_LZMA), "unusual method"),
        ("n.zip", lambda: zipped({}), "holds no file"),
        ("n.zip", lambda: zipped({"a/": b"", "a/.x": b"1"}), "holds no file"),
        ("a.csv", lambda: b"a,b\n", "no gzip, zstd or zip archive"),
        ("n.gz", lambda: gzip.compress(b""), "is empty"),
        ("n.gz", lambda: gzip.compress(gzip.compress(TEXT)), r"another archive \(gzip\)"),
        ("n.zip", lambda: zipped({"a.zip": zipped({"a": TEXT})}), r"another archive \(zip\)"),
        ("n.tar.gz", lambda: gzip.compress(tar()), r"another archive \(tar\)"),
        ("n.zst", lambda: zstd(b"7z\xbc\xaf\x27\x1c" + TEXT), r"another archive \(7z\)"),
        ("many.zip", lambda: zipped({f"{n}": b"" for n in range(10_001)}), "more than 10,000 files"),
    ],
    ids=["encrypted", "method", "empty", "folders", "text", "blank", "gzip", "zip", "tar", "7z", "many"],
)
def test_what_is_refused(run: Unpack, name: str, content: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(FileRejected, match=reason):
        run(name, content())


def test_a_workbook_in_a_zip_is_no_archive_in_an_archive(run: Unpack) -> None:
    workbook = zipped({"[Content_Types].xml": b"x", "xl/workbook.xml": b"x"})
    assert run("w.zip", zipped({"w.xlsx": workbook})) == (workbook, "w.xlsx")


def test_a_zip_whose_directory_points_before_the_file_is_refused(run: Unpack) -> None:
    content = bytearray(zipped({"a": TEXT}))
    at = content.index(b"PK\x05\x06")
    place = int.from_bytes(content[at + 16 : at + 20], "little")
    content[at + 16 : at + 20] = (place + 5_000).to_bytes(4, "little")
    with pytest.raises(FileRejected, match="damaged"):
        run("x.zip", bytes(content))


@pytest.mark.parametrize("pack", [gzip.compress, zstd, lambda text: zipped({"a": text})], ids=["gzip", "zstd", "zip"])
def test_bombs_and_files_that_are_too_large_are_refused(
    run: Unpack, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(FileRejected, match=r"unpacks to more than 0\.1 MB.*CM_MAX_FILE_BYTES"):
        run("x", pack(TEXT), max_bytes=100_000)
    monkeypatch.setattr(archives, "_RATIO_FROM_BYTES", 1 << 20)
    with pytest.raises(FileRejected, match="250 times its size: this looks like a zip bomb"):
        run("x", pack(b"\0" * 30_000_000))


def test_a_zip_that_lies_about_its_size_is_refused(run: Unpack) -> None:
    content = bytearray(zipped({"a": TEXT}))
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = (100).to_bytes(4, "little")
    with pytest.raises(FileRejected, match="damaged"):
        run("x.zip", bytes(content))


@pytest.mark.parametrize("pack", [gzip.compress, zstd, lambda text: zipped({"a": text})], ids=["gzip", "zstd", "zip"])
@pytest.mark.parametrize("cut", [1, 5, 1000, 50_000])
def test_a_cut_off_archive_is_refused(run: Unpack, pack: Callable[[bytes], bytes], cut: int) -> None:
    with pytest.raises(FileRejected, match="damaged or cut off"):
        run("x", pack(TEXT)[:-cut])


@in_two_forms(
    60,
    200,
    kind=st.sampled_from(["gzip", "zstd", "zip"]),
    damage=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=4),
    cut=st.floats(0.1, 1.0),
    deadline=10_000,
)
def test_no_damage_raises_anything_but_file_rejected(
    tmp_path: Path, kind: str, damage: list[tuple[float, bytes]], cut: float
) -> None:
    pack = {"gzip": gzip.compress, "zstd": zstd, "zip": lambda text: zipped({"a/b.csv": text, "c": b""})}[kind]
    content = bytearray(pack(TEXT[:3_000]))
    for where, put in damage:
        at = int(where * (len(content) - 1))
        content[at : at + len(put)] = put
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    (folder / "x").write_bytes(bytes(content[: int(len(content) * cut)]))
    try:
        unpack(folder / "x", folder / "out", max_bytes=1 << 20, member="a/b.csv" if kind == "zip" else None)
    except FileRejected:
        assert not (folder / "out").exists()
