"""Sound files of every kind, small and true to life: what the mutations of a fuzz test begin with.

Everything follows from the sample lists, so the same version of the project makes the same bytes (SQLite's and
Parquet's headers aside, which name the library's version).
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq

from cm_core.sample_data import generate
from tests.unit.imports.formats.test_excel import Sheets, number, text, workbook

Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Seed:
    """A file that an import takes. `family` says by which mutations it may be changed."""

    family: str
    name: str
    content: bytes


@cache
def lists() -> dict[str, bytes]:
    """The sample lists by name, some dozens of rows each."""
    with tempfile.TemporaryDirectory() as folder:
        generate(60, 5, Path(folder))
        return {path.name: path.read_bytes() for path in sorted(Path(folder).glob("*.csv")) if path.name != "truth.csv"}


@cache
def table(name: str = "mineral_owners.csv", delimiter: str = ",") -> tuple[tuple[str, ...], Rows]:
    """Header and rows of a sample list."""
    header, *rows = csv.reader(io.StringIO(lists()[name].decode(), newline=""), delimiter=delimiter)
    return tuple(header), tuple(tuple(row) for row in rows)


@cache
def seeds() -> tuple[Seed, ...]:
    """Every seed."""
    header, rows = table()
    made = [Seed("text", name, content) for name, content in lists().items()]
    owners = lists()["mineral_owners.csv"].decode()
    made += [
        Seed("text", "bom.csv", owners.encode("utf-8-sig")),
        Seed("text", "utf16.csv", owners.encode("utf-16")),
        Seed("text", "windows.csv", owners.replace("a", "é").replace("\n", "\r\n").encode("cp1252", "replace")),
        Seed("text", "quoted.csv", _quoted(header, rows, ",")),
        Seed("text", "semicolons.csv", _quoted(header, rows, ";")),
        Seed("sql", "dump.sql", mysqldump()),
        Seed("sql", "phpmyadmin.sql", phpmyadmin()),
        Seed("sqlite", "owners.sqlite", sqlite_file()),
        Seed("workbook", "owners.xlsx", excel_file()),
        Seed("parquet", "owners.parquet", parquet_file()),
        Seed("text", "owners.jsonl", json_lines(header, rows)),
    ]
    return tuple(made)


def _quoted(header: tuple[str, ...], rows: Rows, delimiter: str) -> bytes:
    """Every field in quotes, and line breaks and quotes inside some."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow((*header, "Note"))
    writer.writerows((*row, f'a "note"{delimiter}\nof line {n}' if n % 3 else "") for n, row in enumerate(rows))
    return out.getvalue().encode()


def json_lines(header: tuple[str, ...], rows: Rows) -> bytes:
    """An object a row; blank cells have no key, and some rows have a nested value."""
    lines = []
    for place, row in enumerate(rows):
        record: dict[str, object] = {name: value for name, value in zip(header, row, strict=True) if value}
        if place % 3 == 0:
            record["more"] = {"n": place, "of": [1.5, None, {"x": "é \\"}]}
        lines.append(json.dumps(record, ensure_ascii=place % 2 == 0))
    return "\n".join(lines).encode()


def literal(value: str) -> str:
    """A value as a dump program writes it."""
    if not value:
        return "NULL"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


@cache
def mysqldump() -> bytes:
    """A dump with one list in it, and all the other things that dumps have around it."""
    header, rows = table()
    columns = ",\n".join(f"  `{name}` varchar(255) DEFAULT NULL COMMENT 'it''s; --'" for name in header)
    values = ",".join("(" + ",".join(literal(value) for value in row) + ")" for row in rows)
    return f"""-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: legacy
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
DROP TABLE IF EXISTS `owners`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
CREATE TABLE `owners` (
{columns},
  PRIMARY KEY (`{header[0]}`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
LOCK TABLES `owners` WRITE;
/*!40000 ALTER TABLE `owners` DISABLE KEYS */;
INSERT INTO `owners` VALUES {values};
/*!40000 ALTER TABLE `owners` ENABLE KEYS */;
UNLOCK TABLES;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/ /*!50003 TRIGGER `t` BEFORE INSERT ON `owners` FOR EACH ROW
BEGIN SET NEW.`{header[0]}` = 'x;;'; END */;;
DELIMITER ;
/*!50001 CREATE ALGORITHM=UNDEFINED VIEW `v` AS select 1 AS `1` */;
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
-- Dump completed on 2024-05-01 12:00:00
""".encode()


@cache
def phpmyadmin() -> bytes:
    """An insert with a column list for every few rows, and hex values."""
    header, rows = table("residents.csv")
    names = ", ".join(f"`{name}`" for name in header)
    declared = names.replace(",", " text,")
    parts = [
        f'-- phpMyAdmin SQL Dump\nSET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";\nCREATE TABLE `people` ({declared} text);\n'
    ]
    for start in range(0, len(rows), 5):
        values = ",\n".join(
            "(" + ", ".join(f"0x{v.encode().hex()}" if n == 1 and v else literal(v) for n, v in enumerate(row)) + ")"
            for row in rows[start : start + 5]
        )
        parts.append(f"INSERT INTO `people` ({names}) VALUES\n{values};\n")
    return "".join(parts).encode()


@cache
def sqlite_file() -> bytes:
    """One table, an index, and a view that has no rows."""
    header, rows = table()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.db"
        connection = sqlite3.connect(path)
        connection.execute(f"create table owners ({', '.join(chr(34) + name + chr(34) for name in header)})")
        connection.executemany(f"insert into owners values ({', '.join('?' * len(header))})", rows)
        connection.execute(f'create index by_number on owners ("{header[0]}")')
        connection.execute("create view nobody as select * from owners where false")
        connection.commit()
        connection.close()
        return path.read_bytes()


@cache
def excel_file() -> bytes:
    """A workbook with a sheet of notes and one of people, some cells numbers."""
    header, rows = table()
    lines = ["".join(text(escape(name)) for name in header)]
    for row in rows:
        lines.append("".join(number(v) if v.isdigit() and not v.startswith("0") else text(escape(v)) for v in row))
    sheets: Sheets = {"Notes": [], "People": lines}
    with zipfile.ZipFile(io.BytesIO(workbook(sheets))) as archive:
        return zipped({name: archive.read(name) for name in archive.namelist()})


@cache
def parquet_file() -> bytes:
    """The same as Parquet."""
    header, rows = table()
    target = io.BytesIO()
    pq.write_table(pa.table([list(column) for column in zip(*rows, strict=True)], names=list(header)), target)
    return target.getvalue()


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive with these files, dated 1980: the same bytes each time."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            archive.writestr(entry, content, method)
    return target.getvalue()
