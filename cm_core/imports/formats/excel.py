"""Excel workbooks (.xlsx, .xlsm, .xls) as a table set: each worksheet a table, its first row the names of its columns.

The calamine library reads the cells. It holds a sheet in memory with room for every cell of its used area, so an
.xlsx is looked through first and refused when that would be too much; an .xls is small by its format.

The text of a cell: text as it is; numbers without `.0`; TRUE and FALSE; dates `2024-02-29`, with a time
`2024-02-29 12:30:00`; durations `26:00:00`. Formulas count by the value that was saved. Blank cells and error values
(`#N/A`, which the library does not tell) are null; how many errors there were is noted.
"""

from __future__ import annotations

import datetime
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pyarrow as pa
import python_calamine as calamine

from cm_core.errors import FileRejected
from cm_core.imports.formats.table_set import Column, Table, TableSet, TableSetWriter, TableWriter, unique_names

#: Cells of one sheet's used area; about 85 bytes of memory each.
MAX_CELLS = 20_000_000
#: XML of a whole workbook, unpacked.
MAX_XML_BYTES = 3 * 1024**3
_BATCH_ROWS = 10_000
_CHUNK = 4 << 20
_OLE = b"\xd0\xcf\x11\xe0"

_CELL = re.compile(rb"<(?:\w+:)?(?:c|row)\s(?:[^<>]*?\s)?r\s*=\s*[\"']([A-Za-z]{0,3})(\d{1,9})[\"']")
#: Nearly every program writes cells like this, and these expressions are several times as fast.
_USUAL_COLUMNS = re.compile(rb'<c r="([A-Z]{1,3})\d{1,7}"')
_USUAL_CELL_ROWS = re.compile(rb'<c r="[A-Z]{1,3}(\d{1,7})"')
_USUAL_ROWS = re.compile(rb'<row r="(\d{1,9})"')
_UNUSUAL = (b":c ", b":c>", b":c/", b":row ", b":row>", b"<c>", b"<c/", b"<c\t", b"<c\n", b"<c\r")
_ANY_CELL = re.compile(rb"<(?:\w+:)?c[\s>/]")
_ROW = re.compile(rb"<(?:\w+:)?row[\s>/]")
_ERROR = re.compile(rb"<(?:\w+:)?c\s[^<>]*\bt\s*=\s*[\"']e[\"']")

Cell = int | float | str | bool | datetime.time | datetime.date | datetime.datetime | datetime.timedelta


def read_workbook(path: Path, folder: Path, *, header: bool = True, max_cells: int = MAX_CELLS) -> TableSet:
    """Write the worksheets of the workbook `path` as Parquet files into `folder`: visible ones first, in their order.

    Without `header` the columns are called A, B, C, … and every row is data. Rows without a value are left out.

    Raises FileRejected when the file is no workbook, is damaged or has a password, is an .xlsb or .ods, or has a sheet
    with more than `max_cells` cells.
    """
    errors = _look_through(path, max_cells)
    with _reading(path.name), calamine.load_workbook(str(path)) as workbook, TableSetWriter(folder) as writer:
        sheets = sorted(workbook.sheets_metadata, key=lambda sheet: sheet.visible != calamine.SheetVisibleEnum.Visible)
        for sheet in sheets:
            if sheet.typ != calamine.SheetTypeEnum.WorkSheet:
                writer.skip("chart or macro sheet")
                continue
            table = _read_sheet(workbook.get_sheet_by_name(sheet.name), sheet.name, writer, header=header)
            if table is not None:
                table.hidden = sheet.visible != calamine.SheetVisibleEnum.Visible
        if errors:
            writer.notes.append(f"{errors} cells hold an error value such as #N/A; they are read as empty.")
        return writer.finish()


def choose_sheet(tables: TableSet, name: str | None = None, is_list: Callable[[Table], bool] = lambda _: True) -> Table:
    """The sheet called `name`, ignoring case and blanks around it; without a name, the only one that has rows.

    Of several with rows it is the one that `is_list`; a hidden one only where no other is.

    Raises FileRejected, and names the sheets there are, when there is none, or more than one.
    """
    if name:
        wanted = name.strip().casefold()
        for table in tables.tables:
            if table.name.strip().casefold() == wanted:
                return table
        raise FileRejected(f"The workbook has no sheet {name!r}. Its sheets: {_listed(tables.tables)}.")
    filled = [table for table in tables.tables if table.rows]
    if not filled:
        raise FileRejected(f"No sheet of the workbook has rows below a header. Its sheets: {_listed(tables.tables)}.")
    if len(filled) == 1:
        return filled[0]
    lists = [table for table in filled if is_list(table)]
    visible = [table for table in lists if not table.hidden]
    if not lists:
        columns = "; ".join(f"{table.name!r}: {', '.join(table.column_names[:8])}" for table in filled[:10])
        raise FileRejected(
            f"No sheet of the workbook has a usable column. First columns of its sheets: {columns}. Rename a column, "
            "or save the sheet that is meant as a file of its own."
        )
    if len(visible or lists) > 1:
        raise FileRejected(
            f"{len(visible or lists)} sheets of the workbook are lists: {_listed(visible or lists)}. Save each as a "
            "file of its own, or declare a feed that names one of them as its `table`."
        )
    return (visible or lists)[0]


def _listed(tables: Sequence[Table]) -> str:
    return ", ".join(f"{table.name!r} ({table.rows:,} rows)" for table in tables[:30]) or "none"


def _read_sheet(
    sheet: calamine.CalamineSheet, name: str, writer: TableSetWriter, *, header: bool
) -> TableWriter | None:
    filled = (row for row in sheet.iter_rows() if any(cell != "" for cell in row))
    start = sheet.start[1] if sheet.start else 0
    letters = [_letters(start + position) for position in range(sheet.width)]
    names = letters
    if header:
        names = [text_of_cell(cell) or "" for cell in next(filled, [])]
    if not names:
        writer.skip("empty sheet")
        return None
    table = writer.table(
        name, None, [Column(new, written=old) for new, old in zip(unique_names(names), names, strict=True)]
    )
    while rows := list(islice(filled, _BATCH_ROWS)):
        columns = [pa.array([text_of_cell(cell) for cell in column], pa.string()) for column in zip(*rows, strict=True)]
        table.append(range(len(columns)), columns)
    return table


def text_of_cell(cell: Cell) -> str | None:
    """A cell's value as text; None for a blank one."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        # Excel keeps 15 digits; beyond them a whole number is as imprecise as any other.
        return str(int(cell)) if abs(cell) < 1e16 and cell.is_integer() else repr(cell)
    if isinstance(cell, datetime.datetime):
        return _rounded(cell).isoformat(sep=" ")
    if isinstance(cell, datetime.timedelta):
        seconds = round(cell.total_seconds())
        sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
        return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if isinstance(cell, datetime.date):
        return cell.isoformat()
    if isinstance(cell, datetime.time):
        return cell.replace(microsecond=0).isoformat() if cell.microsecond < 1000 else cell.isoformat("milliseconds")
    return str(cell)


def _rounded(moment: datetime.datetime) -> datetime.datetime:
    """To the nearest second where it is a fraction of a millisecond off: a day is a floating-point number in Excel."""
    whole = (moment + datetime.timedelta(milliseconds=500)).replace(microsecond=0)
    return whole if abs(whole - moment) < datetime.timedelta(milliseconds=1) else moment


def _letters(position: int) -> str:
    """The letters of a column, 0 is A."""
    letters = ""
    while position >= 0:
        letters = chr(ord("A") + position % 26) + letters
        position = position // 26 - 1
    return letters


def _look_through(path: Path, max_cells: int) -> int:
    """Refuse what the library should not be given; the number of error cells."""
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(_OLE):
        return 0
    if not head.startswith(b"PK"):
        raise FileRejected(f"{path.name} is no Excel workbook. Save it as .xlsx, or export it as CSV.")
    errors, left = 0, MAX_XML_BYTES
    with _reading(path.name), zipfile.ZipFile(path) as archive:
        names = {info.filename for info in archive.infolist()}
        if "xl/workbook.bin" in names or "mimetype" in names:
            raise FileRejected(f"{path.name} is an .xlsb or OpenDocument file. Save it as .xlsx, or export it as CSV.")
        if "[Content_Types].xml" not in names:
            raise FileRejected(f"{path.name} is a zip archive, but no Excel workbook.")
        for info in archive.infolist():
            if info.flag_bits & 0x1:
                raise FileRejected(f"{path.name} is encrypted with a password. Save it without one.")
            left -= info.file_size
            if left < 0:
                raise FileRejected(f"{path.name} unpacks to more than {MAX_XML_BYTES >> 30} GB. Export it as CSV.")
            area = _Area()
            with archive.open(info) as part:
                while chunk := part.read(_CHUNK):
                    area.feed(chunk)
                    if area.cells > max_cells:
                        raise FileRejected(
                            f"A sheet of {path.name} has an area of {area.rows:,} rows and {area.columns:,} columns, "
                            f"more than {max_cells:,} cells. Delete empty rows and columns at its end, "
                            "or export it as CSV."
                        )
            errors += area.errors
    return errors


class _Area:
    """How large the used area of a sheet may be, at most, from its XML in chunks."""

    def __init__(self) -> None:
        self.rows = 0
        self.columns = 0
        self.errors = 0
        self._in_cells = False
        self._rest = b""
        self._unplaced = 0
        self._unplaced_rows = 0
        self._first = True

    @property
    def cells(self) -> int:
        """Rows by columns."""
        return self.rows * self.columns

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the part."""
        if self._first:
            self._first = False
            if chunk.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in chunk[:4]:
                raise ValueError("a part of it is not UTF-8")
        data = self._rest + chunk
        if not self._in_cells:
            found = data.find(b"sheetData")
            if found < 0:
                self._rest = data[-16:]
                return
            self._in_cells, data = True, data[found:]
        # Keep a tag that the chunk cuts in two for the next one.
        cut = data.rfind(b"<")
        self._rest = data[cut:] if cut >= 0 and len(data) - cut < 4096 else b""
        data = data[: len(data) - len(self._rest)]
        self.errors += len(_ERROR.findall(data)) if b't="e"' in data or b"t='e'" in data else 0
        columns = _USUAL_COLUMNS.findall(data)
        usual = len(columns) == data.count(b"<c ") and not any(other in data for other in _UNUSUAL)
        if usual:
            rows = {*_USUAL_ROWS.findall(data), *_USUAL_CELL_ROWS.findall(data)}
            self._note({*columns}, rows, data.count(b"<row"))
            return
        places = _CELL.findall(data)
        self._note({letters.upper() for letters, _ in places}, {digits for _, digits in places}, 0)
        # Cells need not say where they are; then they stand side by side.
        pieces = _ROW.split(data)
        self._unplaced_rows += len(pieces) - 1
        self.rows = max(self.rows, self._unplaced_rows)
        for number, piece in enumerate(pieces):
            count = len(_ANY_CELL.findall(piece))
            self._unplaced = self._unplaced + count if number == 0 else count
            self.columns = max(self.columns, self._unplaced)

    def _note(self, columns: set[bytes], rows: set[bytes], count: int) -> None:
        self._unplaced_rows += count
        self.columns = max(self.columns, *map(_position, columns), 0)
        self.rows = max(self.rows, *map(int, rows), self._unplaced_rows)


def _position(letters: bytes) -> int:
    """The number of a column, A is 1; 0 for no letters."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """The library's errors, its panics among them, as ours."""
    try:
        yield
    except FileRejected:
        raise
    except calamine.PasswordError:
        raise FileRejected(f"{name} is encrypted with a password. Save it without one.") from None
    except (
        calamine.CalamineError,
        zipfile.BadZipFile,
        EOFError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise _damaged(name, error) from None
    except BaseException as error:
        if type(error).__name__ == "PanicException" or type(error).__module__ in ("zlib", "struct", "pyo3_runtime"):
            raise _damaged(name, error) from None
        raise


def _damaged(name: str, error: BaseException) -> FileRejected:
    reason = (str(error).splitlines() or [""])[0] or type(error).__name__
    return FileRejected(f"{name} is damaged or no workbook that can be read ({reason}). Save it again, or as CSV.")
