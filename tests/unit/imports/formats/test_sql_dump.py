"""SQL dumps of every dialect: each row a row or a bad row, nothing executed, nothing lost."""

from __future__ import annotations

import gzip
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import strategies as st

from cm_core.errors import FileRejected
from cm_core.imports.formats import sql_rows, sql_text, table_set
from cm_core.imports.formats.sql_dump import read_sql_dump
from cm_core.imports.formats.table_set import read_table_set
from tests.forms import in_two_forms

from .conftest import Found, ReadSql

MYSQLDUMP = r"""/*M!999999\- enable the sandbox mode */
-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: it's a "db"; with `quotes`
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;

DROP TABLE IF EXISTS `owners`;
/*!40101 SET character_set_client = utf8 */;
CREATE TABLE `owners` (
  `id` int(11) NOT NULL AUTO_INCREMENT COMMENT 'the key, (really)',
  `name` varchar(50) DEFAULT 'a,b',
  `kind` enum('x','y,z)') NOT NULL,
  `shout` varchar(50) GENERATED ALWAYS AS (upper(`name`)) VIRTUAL,
  `picture` longblob DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `by_name` (`name`(10)),
  CONSTRAINT `c` CHECK (`id` > 0)
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=utf8mb4;

LOCK TABLES `owners` WRITE;
/*!40000 ALTER TABLE `owners` DISABLE KEYS */;
INSERT INTO `owners` (`id`, `name`, `kind`, `picture`) VALUES (1,'O\'Brien; -- not a comment','x',NULL),
(2,'line\nbreak /* no */ \\','y,z)',_binary 'abc\0\'');
/*!40000 ALTER TABLE `owners` ENABLE KEYS */;
UNLOCK TABLES;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/ /*!50003 TRIGGER t AFTER INSERT ON owners FOR EACH ROW
BEGIN INSERT INTO log VALUES (1, 'from the trigger'); END */;;
DELIMITER ;
/*!50001 CREATE VIEW `v` AS SELECT 1 AS `a`*/;
-- Dump completed on 2024-01-01  0:00:00
"""


def test_a_mysqldump_file(read_sql: ReadSql) -> None:
    found = read_sql(MYSQLDUMP)
    assert found.names == ["owners"]
    assert found.columns() == ("id", "name", "kind", "picture")
    assert found.rows() == [
        ("1", "O'Brien; -- not a comment", "x", None),
        ("2", "line\nbreak /* no */ \\", "y,z)", "0x616263002" + "7"),
    ]
    assert not found.bad
    assert found.tables.notes == ()
    assert found.tables.skipped == {
        "ALTER TABLE": 2, "CREATE TRIGGER": 1, "CREATE VIEW": 1, "DROP TABLE": 1, "LOCK": 1, "SET": 4, "UNLOCK": 1,
    }  # fmt: skip
    types = [column.type for column in found.tables.tables[0].columns]
    assert types == ["int(11)", "varchar(50)", "enum('x','y,z)')", "longblob"]


def test_the_manifest_is_read_back(read_sql: ReadSql) -> None:
    found = read_sql(MYSQLDUMP + "INSERT INTO owners (id) VALUES (now());")
    assert read_table_set(found.tables.folder) == found.tables
    assert found.tables.bad_rows == 1


def test_a_phpmyadmin_file(read_sql: ReadSql) -> None:
    found = read_sql(
        """-- phpMyAdmin SQL Dump
SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
START TRANSACTION;
/*!40101 SET NAMES utf8mb4 */;
CREATE TABLE `people` (
  `id` int(11) NOT NULL,
  `name` varchar(50) DEFAULT NULL,
  `bits` bit(3) DEFAULT NULL,
  `raw` varbinary(8) DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO `people` (`id`, `name`, `bits`, `raw`) VALUES
(1, 'Ann', b'101', 0x00ff),
(2, NULL, b'0', 0x616263);

ALTER TABLE `people` ADD PRIMARY KEY (`id`);
COMMIT;
"""
    )
    assert found.rows() == [("1", "Ann", "5", "0x00FF"), ("2", None, "0", "abc")]


def test_a_heidisql_file(read_sql: ReadSql) -> None:
    found = read_sql(
        "/*!50503 SET NAMES utf8mb4 */;\r\n"
        "CREATE DATABASE IF NOT EXISTS `crm` /*!40100 DEFAULT CHARACTER SET latin1 */;\r\nUSE `crm`;\r\n"
        "CREATE TABLE IF NOT EXISTS `t` (\r\n  `a` int(11) NOT NULL,\r\n  `b` text\r\n);\r\n"
        "DELETE FROM `t`;\r\nINSERT INTO `t` (`a`, `b`) VALUES\r\n\t(1, 'x'),\r\n\t(2, 'it''s');\r\n"
    )
    assert found.rows("crm.t") == [("1", "x"), ("2", "it's")]
    assert found.tables.tables[0].schema == "crm"


def test_ansi_quotes_and_no_backslash_escapes(read_sql: ReadSql) -> None:
    found = read_sql(
        "SET @@session.sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES';\n"
        'CREATE TABLE "a ""b" ("x y" int, "z" text);\n'
        "INSERT INTO \"a \"\"b\" VALUES (1,'C:\\'),(2,'it''s \\n');\n"
        'INSERT INTO "a ""b" VALUES (3,"z");\nSET sql_mode=\'\';\nINSERT INTO `a "b` VALUES (4,\'\\n""\'),'
        '(5,"it\'s\\n""");'
    )
    assert found.columns() == ("x y", "z")
    assert found.rows() == [("1", "C:\\"), ("2", "it's \\n"), ("4", '\n""'), ("5", "it's\n\"")]
    assert [row["line_number"] for row in found.bad] == [4]


def test_a_saved_sql_mode_comes_back(read_sql: ReadSql) -> None:
    found = read_sql(
        "SET @old = @@sql_mode, sql_mode = 'NO_BACKSLASH_ESCAPES';INSERT INTO t VALUES ('\\');"
        "SET SQL_MODE=@old; INSERT INTO t VALUES ('\\'');"
    )
    assert found.rows() == [("\\",), ("'",)]


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ("NULL", None),
        ("null", None),
        ("0", "0"),
        ("-1.50", "-1.50"),
        ("+3", "+3"),
        (".5", ".5"),
        ("1e-7", "1e-7"),
        ("TRUE", "1"),
        ("false", "0"),
        ("''", ""),
        ("'NULL'", "NULL"),
        ("'a' 'b'", "ab"),
        ("N'x'", "x"),
        ('"it\'s ""x"" \\" \\n"', 'it\'s "x" " \n'),
        ("'\\0\\b\\n\\r\\t\\Z\\\\\\'\\\"\\%\\_\\q'", "\0\b\n\r\t\x1a\\'\"\\%\\_q"),
        ("'''a'''", "'a'"),
        ("_utf8mb4'é'", "é"),
        ("_latin1 'x'", "x"),
        ("_binary 'x\\0'", "0x7800"),
        ("0x41", "A"),
        ("X'4142'", "AB"),
        ("x'00ff'", "0x00FF"),
        ("0xABC", "0x0ABC"),
        ("b'101'", "5"),
        ("0b11", "3"),
        ("_binary 0x41", "A"),
        ("'😀;--/*'", "😀;--/*"),
        ("'\r\n'", "\r\n"),
        ("/*!50705 'v' */", "v"),
        ("/* no */ 'c' -- x\n", "c"),
        ("X''", ""),
    ],
)
def test_a_literal(read_sql: ReadSql, literal: str, text: str | None) -> None:
    # Once read token by token (the only row), once in a run of rows.
    for rows in (1, 4):
        found = read_sql(f"INSERT INTO t (a, b) VALUES {','.join([f'({literal},7)'] * rows)};")
        assert found.bad == []
        assert found.rows() == [(text, "7")] * rows


@pytest.mark.parametrize(
    ("type_", "literal", "text"),
    [
        ("int", "0x10", "16"),
        ("bigint unsigned", "X'FFFFFFFFFFFFFFFF'", "18446744073709551615"),
        ("varchar(9)", "0x00", "\0"),
        ("blob", "'\\0'", "0x00"),
        ("blob", "'text\n'", "text\n"),
        ("blob", "''", ""),
        ("binary(2)", "0x0001", "0x0001"),
        ("bit(8)", "'A'", "65"),
        ("bit(8)", "0x41", "65"),
        ("varbinary(3)", "b'0100000101000010'", "AB"),
        ("blob", "12", "12"),
    ],
)
def test_a_literal_by_the_type_of_its_column(read_sql: ReadSql, type_: str, literal: str, text: str) -> None:
    found = read_sql(f"CREATE TABLE t (a {type_} NOT NULL); INSERT INTO t VALUES ({literal}), ({literal});")
    assert found.rows() == [(text,)] * 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("(now(),'x')", "Value 1 is no literal but an expression, which is not computed: now ( )."),
        ("(1+1,'x')", "Value 1 is no literal but an expression, which is not computed: 1 +1."),
        ("(1,(select ')'))", "Value 2 is no literal but an expression, which is not computed: ( select ')' )."),
        ("(1,CURRENT_TIMESTAMP)", "Value 2 is no literal but an expression, which is not computed: CURRENT_TIMESTAMP."),
        ("(1,DEFAULT)", "The value of column 'b' is DEFAULT, which is not computed."),
        ("(1)", "The row has 1 values, the statement names 2 columns."),
        ("(1,2,3)", "The row has 3 values, the statement names 2 columns."),
        ("()", "The row has no values."),
        ("(1,X'abc')", "Value 2 is no literal but an expression, which is not computed: X 'abc'."),
    ],
)
def test_a_bad_row_is_reported_and_the_others_are_kept(read_sql: ReadSql, row: str, reason: str) -> None:
    found = read_sql(
        f"INSERT INTO t (a,b) VALUES (1,'a'),(2,'b'),\n{row},\n(3,'c'),(4,'d');\nINSERT INTO t (a,b) VALUES (5,'e');"
    )
    assert found.rows() == [(str(n), letter) for n, letter in enumerate("abcde", start=1)]
    bad = {"table_name": "t", "line_number": 2, "reason": reason, "raw": row, "error_type": "TYPE"}
    assert found.bad == [bad]


def test_a_statement_without_values_is_one_bad_row(read_sql: ReadSql) -> None:
    found = read_sql("INSERT INTO t SELECT * FROM s WHERE a = ';';\n\nREPLACE t SET a = 1;INSERT INTO t VALUES (1);")
    assert [(row["line_number"], row["raw"]) for row in found.bad] == [
        (1, "INSERT INTO t SELECT * FROM s WHERE a = ';'"),
        (3, "REPLACE t SET a = 1"),
    ]
    assert found.rows("t") == [("1",)]


def test_the_forms_of_insert(read_sql: ReadSql) -> None:
    found = read_sql(
        "CREATE TABLE T (a int, b int);"
        "insert ignore into t values (1,2) on duplicate key update a = values(a), b = ';';"
        "REPLACE INTO `T` (B, A) VALUES (4,3);INSERT LOW_PRIORITY t VALUE (5,6);INSERT INTO t VALUES ROW(7,8), "
        "ROW (9,10);"
        "INSERT INTO t (`a`) VALUES (11) AS new ON DUPLICATE KEY UPDATE a = new.a;"
        "/*!40000 INSERT INTO t VALUES (12,13)*/;INSERT INTO t PARTITION (p0, p1) (a,b) VALUES (14,15) RETURNING a;"
    )
    assert found.bad == []
    assert sorted(found.rows(), key=lambda row: int(row[0] or 0)) == [
        ("1", "2"),
        ("3", "4"),
        ("5", "6"),
        ("7", "8"),
        ("9", "10"),
        ("11", None),
        ("12", "13"),
        ("14", "15"),
    ]


def test_other_lists_of_columns_make_a_union(read_sql: ReadSql) -> None:
    many = ",".join(f"({n})" for n in range(150_000))
    found = read_sql(
        f"INSERT INTO t (a) VALUES {many};INSERT INTO t (b, A) VALUES ('x', 1);INSERT INTO t (c) VALUES (2);"
    )
    rows = found.rows()
    assert found.columns() == ("a", "b", "c")
    assert len(rows) == 150_002
    assert rows[-2:] == [("1", "x", None), (None, None, "2")]
    assert not list(found.tables.folder.glob("part_*"))


def test_tables_without_a_declaration_get_numbered_columns(read_sql: ReadSql) -> None:
    found = read_sql("INSERT INTO t VALUES (1,2),(3,4),(5);INSERT INTO t VALUES (6,7);")
    assert found.columns() == ("column_1", "column_2")
    assert found.rows() == [("1", "2"), ("3", "4"), ("6", "7")]
    assert [row["reason"] for row in found.bad] == ["The row has 1 values, the rows before it have 2."]


def test_generated_and_invisible_columns_may_be_left_out(read_sql: ReadSql) -> None:
    found = read_sql(
        "CREATE TABLE t (a int, g int AS (a + 1) STORED, h int INVISIBLE);"
        "INSERT INTO t VALUES (1);INSERT INTO t VALUES (2, 3);INSERT INTO t (a, g) VALUES (4, DEFAULT);"
    )
    assert found.columns() == ("a", "h", "g")
    assert sorted(found.rows()) == [("1", None, None), ("2", "3", None), ("4", None, None)]


def test_schemas(read_sql: ReadSql) -> None:
    found = read_sql(
        "USE `a`;INSERT INTO t VALUES (1);USE b;INSERT INTO t VALUES (2);INSERT INTO `a`.`T` VALUES (3);"
        "INSERT INTO c.u VALUES (4);"
    )
    assert found.names == ["a.t", "b.t", "u"]
    assert found.rows("A.T") == [("1",), ("3",)]
    assert found.rows("c.u") == [("4",)]


def test_a_name_without_a_schema_is_the_table_known_with_one(read_sql: ReadSql) -> None:
    found = read_sql(
        "CREATE TABLE t (a int);INSERT INTO db.t VALUES (1);INSERT INTO x.y VALUES (2);INSERT INTO y VALUES (3);"
    )
    assert found.rows("t") == [("1",)]
    assert found.rows("y") == [("2",), ("3",)]


def test_the_stand_in_of_a_view_is_no_table(read_sql: ReadSql) -> None:
    found = read_sql(
        "CREATE TABLE t (a int);INSERT INTO t VALUES (1);/*!50001 CREATE TABLE `v` (`a` tinyint NOT NULL) "
        "ENGINE=MyISAM */;"
        "/*!50001 DROP TABLE IF EXISTS `v`*/;/*!50001 CREATE VIEW `v` AS select 1 */;DROP TABLE t;"
    )
    assert found.names == ["t"]


@pytest.mark.parametrize(
    "cut", ["'it", "'it\\", "'it''", "(1,'a'),(2,'it", "(1,'a'),(2,", "(1,'a'),(2", "(1,'a'),(2, /* co"]
)
def test_a_dump_that_is_cut_off_gives_its_whole_rows(read_sql: ReadSql, cut: str) -> None:
    whole = "-- MySQL dump 8\nINSERT INTO t VALUES (7,'x'),\n"
    found = read_sql(whole + (cut if cut.startswith("(") else "(1,'a'),(2," + cut))
    assert found.rows() == [("7", "x"), ("1", "a")]
    assert [(row["line_number"], row["reason"]) for row in found.bad] == [
        (3, "The file ends within a row: the dump is cut off.")
    ]
    assert found.bad[0]["raw"].startswith("(2")
    assert "cut off" in found.tables.notes[-1]


def test_a_dump_that_is_cut_off_between_rows_says_so(read_sql: ReadSql) -> None:
    found = read_sql("-- MySQL dump 8\nINSERT INTO t VALUES (7,'x'),\n")
    assert found.rows() == [("7", "x")]
    assert "Dump completed" in found.tables.notes[-1]


def test_postgresql_and_unknown_statements_are_skipped_and_counted(read_sql: ReadSql) -> None:
    found = read_sql(
        "SET standard_conforming_strings = on;\nSELECT pg_catalog.set_config('search_path', '', false);\n"
        "CREATE TABLE public.t (a integer NOT NULL, b character varying(20));\n"
        "COPY public.s (a, b) FROM stdin;\n1\tO'Brien\n2\t\\N\n\\.\n\nINSERT INTO public.t VALUES (1, 'C:\\');"
        "\n\\unrestrict x;\n"
    )
    assert found.rows("public.t") == [("1", "C:\\")]
    assert found.tables.skipped == {"COPY": 1, "SELECT": 1, "SET": 1, "\\UNRESTRICT": 1}


def test_a_sqlite_dump(read_sql: ReadSql) -> None:
    found = read_sql(
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a INTEGER PRIMARY KEY, b);\n"
        "INSERT INTO t VALUES(1,'C:\\');\nINSERT INTO t VALUES(2,replace('a\\nb','\\n',char(10)));\nCOMMIT;\n"
    )
    assert found.rows() == [("1", "C:\\")]
    assert found.bad[0]["line_number"] == 5


@pytest.mark.parametrize(
    "text",
    ["", "  \n-- nothing\n", "hello, world", "a,b\n1,2\n", "SET NAMES utf8;", "COPY t FROM stdin;\n1\n\\.\n", "\0" * 9],
)
def test_what_is_no_dump_is_rejected(read_sql: ReadSql, text: str) -> None:
    with pytest.raises(FileRejected, match="neither a CREATE TABLE nor an INSERT"):
        read_sql(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"CREATE TABLE p (id int);\nCOPY p (id) FROM stdin;\n1\n\\.\n", "COPY .* `pg_dump --inserts`"),
        (b"USE [crm]\nGO\nINSERT [dbo].[People] ([Id]) VALUES (1)\nGO\n", "script of SQL Server"),
        ("CREATE TABLE p (id int);\nINSERT INTO p VALUES (1);\n".encode("utf-16-le") * 4, "UTF-16 .* UTF-8"),
    ],
)
def test_what_to_do_about_a_dump_that_is_not_read(read_sql: ReadSql, text: bytes, says: str) -> None:
    with pytest.raises(FileRejected, match=says):
        read_sql(text)


def test_character_sets(read_sql: ReadSql) -> None:
    latin = "CREATE TABLE t (a varchar(9), b blob);INSERT INTO t VALUES ('é','é');".encode("latin-1")
    assert read_sql(b"SET NAMES latin1;" + latin).rows() == [("é", "0xE9")]
    assert read_sql(latin).rows() == [("é", "0xE9")]
    declared = read_sql(b"SET NAMES utf8mb4;" + latin)
    assert declared.rows() == [("0xE9", "0xE9")]
    assert "1 values are not in the dump's character set" in declared.tables.notes[0]
    assert read_sql("SET NAMES cp1251; INSERT INTO t VALUES ('Жук');".encode("cp1251")).rows() == [("Жук",)]
    assert read_sql("INSERT INTO t VALUES ('Жук 😀');".encode("utf-16")).rows() == [("Жук 😀",)]
    assert read_sql("\ufeffINSERT INTO t VALUES ('é');").rows() == [("é",)]
    with pytest.raises(FileRejected, match=r"gbk.*utf8mb4"):
        read_sql("SET NAMES gbk;")


def test_a_torn_compressed_stream_is_rejected(tmp_path: Path) -> None:
    packed = gzip.compress(("INSERT INTO t VALUES (1);" * 9_000).encode())
    with gzip.open(io.BytesIO(packed)) as stream:
        assert read_sql_dump(stream, tmp_path / "whole").tables[0].rows == 9_000
    for broken in (packed[:-9], packed[:60] + b"\0\0\0" + packed[63:]):
        with gzip.open(io.BytesIO(broken)) as stream, pytest.raises(FileRejected, match="damaged or cut off"):
            read_sql_dump(stream, tmp_path / "torn")


HOSTILE = [
    "it's",
    'say "x"',
    "back\\slash\\",
    "new\nline\r\n",
    "nul\0",
    "😀",
    "a;b",
    "-- c",
    "/* d */",
    "*/",
    "),(",
    "',('",
    "`",
    "",
    "NULL",
    "\x1a%_",
]


def _quoted(text: str) -> str:
    for char, escape in (
        ("\\", "\\\\"),
        ("'", "\\'"),
        ("\0", "\\0"),
        ("\n", "\\n"),
        ("\r", "\\r"),
        ("\x1a", "\\Z"),
        ('"', '\\"'),
    ):
        text = text.replace(char, escape)
    return f"'{text}'"


@pytest.mark.parametrize("chunk", [64, 1000, 1 << 20])
def test_it_makes_no_difference_where_the_text_is_cut_into_chunks(
    read_sql: ReadSql, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(sql_text, "CHUNK", chunk)
    monkeypatch.setattr(sql_rows, "_MOST_WINDOW", max(chunk, 200))
    rows = [(str(n), HOSTILE[n % len(HOSTILE)] * (1 + n % 3), HOSTILE[(n * 7) % len(HOSTILE)]) for n in range(400)]
    lines = [f"({n},{_quoted(a)},{_quoted(b)})" for n, a, b in rows]
    lines[200:200] = ["(1, now(), 'x')"]
    text = (
        MYSQLDUMP
        + "INSERT INTO h VALUES "
        + ",".join(lines)
        + ";"
        + "".join(f"INSERT INTO h VALUES {line};\n" for line in lines)
    )
    found = read_sql(text)
    assert found.rows("h") == rows * 2
    assert len(found.bad) == 2
    assert len(found.rows("owners")) == 2


def test_long_lines_comments_and_values(read_sql: ReadSql) -> None:
    value, row = "x'" * 3_000_000, ",".join(f"({n},'{n}')" for n in range(300_000))
    found = read_sql(
        f"/* {'-' * 3_000_000} */ -- {'y' * 3_000_000}\nINSERT INTO t VALUES {row},(-1,{_quoted(value)});"
        f"UPDATE x SET a = '{'z' * 5_000_000}';INSERT INTO u VALUES (1);"
    )
    assert len(found.rows("t")) == 300_001
    assert found.rows("t")[-1] == ("-1", value)
    assert found.rows("u") == [("1",)]


def test_a_row_that_is_too_long_is_a_bad_row(read_sql: ReadSql) -> None:
    found = read_sql(f"INSERT INTO t VALUES (1,'{'x' * 9_000_000}'),(2,'y');", max_row_bytes=4 << 20)
    assert found.rows() == [("2", "y")]
    assert [(row["line_number"], row["reason"]) for row in found.bad] == [(1, "The row is longer than 4 MB.")]


def test_many_tables_whose_rows_alternate(read_sql: ReadSql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_set, "_OPEN_FILES", 3)
    monkeypatch.setattr(table_set, "_BUFFERED_BYTES", 10_000)
    monkeypatch.setattr("cm_core.imports.formats.sql_dump._PENDING_ALL_BYTES", 3_000)
    found = read_sql("".join(f"INSERT INTO t{n % 20} VALUES ({n},'{n}');" for n in range(8_000)))
    for table in range(20):
        assert found.rows(f"t{table}") == [(str(n), str(n)) for n in range(table, 8_000, 20)]


def test_a_file_of_bad_rows_is_read_in_linear_time_and_loses_none(read_sql: ReadSql) -> None:
    found = read_sql("INSERT INTO t (a,b) VALUES " + ",".join(f"({n},now()),({n},'x')" for n in range(20_000)) + ";")
    assert len(found.bad) == len(found.rows()) == 20_000


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        (
            "classicmodels.sql",
            {
                "customers": 122,
                "employees": 23,
                "offices": 7,
                "orderdetails": 2996,
                "orders": 326,
                "payments": 273,
                "productlines": 7,
                "products": 110,
            },
        ),
        (
            "sakila-data.sql",
            {
                "actor": 200,
                "address": 603,
                "city": 600,
                "customer": 599,
                "film": 1000,
                "inventory": 4581,
                "payment": 16049,
                "rental": 16044,
                "staff": 2,
                "store": 2,
            },
        ),
        ("sakila-schema.sql", {"actor": 0, "film_text": 0, "rental": 0, "store": 0}),
    ],
)
def test_real_dumps(shared_data: Path, read_sql: ReadSql, file: str, counts: dict[str, int]) -> None:
    found = read_sql((shared_data / file).read_bytes())
    assert {table.name: table.rows for table in found.tables.tables if table.name in counts} == counts
    assert found.bad == []
    assert found.tables.notes == ()
    if file == "classicmodels.sql":
        assert found.columns("customers")[:2] == ("customerNumber", "customerName")
        assert found.rows("customers")[0][:3] == ("103", "Atelier graphique", "Schmitt")
        assert "La Corne D'abondance, Co." in {row[1] for row in found.rows("customers")}
    if file == "sakila-data.sql":
        assert found.rows("address")[0][7].startswith("0x0000000001010000003E0A325D")  # type: ignore[union-attr]


_SEEDS = [MYSQLDUMP, "USE x;INSERT INTO `t` (`a`) VALUES (1),(0x41),('\\'');COPY t FROM stdin;\n1\n\\.\n" * 3]


_PILE = [
    *"(),;'\"`\\a1 \n#.é\0",
    "INSERT INTO t VALUES",
    "CREATE TABLE t",
    "0x",
    "/*!",
    "*/",
    "/*",
    "--",
    "NULL",
    "DELIMITER ;;\n",
    "_binary",
    "X'",
]


@in_two_forms(
    80,
    300,
    seed=st.sampled_from(_SEEDS),
    cuts=st.lists(st.tuples(st.integers(0, 1800), st.integers(0, 60), st.binary(max_size=12)), max_size=5),
    end=st.integers(0, 2000),
    chunk=st.sampled_from([40, 2 << 20]),
    deadline=5_000,
)
def test_no_damage_raises_anything_but_file_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: str, cuts: list[tuple[int, int, bytes]], end: int, chunk: int
) -> None:
    monkeypatch.setattr(sql_text, "CHUNK", chunk)
    text = seed.encode()
    for at, length, put in cuts:
        text = text[:at] + put + text[at + length :]
    _read_or_reject(text[: len(text) - end] if end < 1000 else text, tmp_path)


@in_two_forms(80, 300, st.lists(st.sampled_from(_PILE), max_size=60), deadline=5_000)
def test_no_pile_of_tokens_raises_anything_but_file_rejected(tmp_path: Path, tokens: list[str]) -> None:
    _read_or_reject("".join(tokens).encode(), tmp_path)


def _read_or_reject(text: bytes, tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    try:
        found = Found(read_sql_dump(io.BytesIO(text), folder))
    except FileRejected:
        return
    for table in found.tables.tables:
        found.rows(table.name)
    assert len(found.bad) == found.tables.bad_rows


@pytest.mark.parametrize("delimiter", ["'", '"', "`", "(", ")", ",", "\\", "INSERT", "--", "/*", "*/", "#", "é", ";;;"])
def test_a_delimiter_that_is_part_of_the_language_costs_no_other_rows(read_sql: ReadSql, delimiter: str) -> None:
    found = read_sql(
        f"CREATE TABLE t (a text);\nINSERT INTO t VALUES ('1');\nDELIMITER {delimiter}\nINSERT INTO t VALUES ('2');\n"
        "DELIMITER ;\nINSERT INTO t VALUES ('3');\n"
    )
    assert found.rows("t")[0] == ("1",)


def test_a_command_of_the_client_program_ends_with_its_line(read_sql: ReadSql) -> None:
    found = read_sql("\\! rm -rf x\nINSERT INTO t VALUES (1);\nsource x.sql\nINSERT INTO t VALUES (2);\n\\unrestrict x")
    assert found.rows() == [("1",), ("2",)]
    assert found.tables.skipped == {"SOURCE": 1, "\\!": 1, "\\UNRESTRICT": 1}


def test_a_version_that_no_server_has_is_a_comment(read_sql: ReadSql) -> None:
    found = read_sql(
        "/*!99999 INSERT INTO t VALUES (1); */ /*!999999 INSERT INTO t VALUES (2); */ /*M!999990 x */"
        "/*!50003 INSERT INTO t VALUES (3); */"
    )
    assert found.rows() == [("3",)]


def test_a_row_over_the_limit_is_a_bad_row_wherever_the_window_ends(read_sql: ReadSql) -> None:
    found = read_sql(f"INSERT INTO t VALUES ('{'x' * 1_500_000}'),('y');", max_row_bytes=1 << 20)
    assert found.rows() == [("y",)]
    assert "longer than 1 MB" in found.bad[0]["reason"]
