"""The XML of the do-not-call registry, rewritten as the text of the same list, in constant memory.

    <list type='full' level='state' val='423'><ac val='423'><ph val='1234567'/> ... </ac></list>

One line a `<ph>`: `AAA,NNNNNNN`, or `AAA,NNNNNNN,time,A` where the entries say what became of them. What is no number
stays in its line and is reported by whoever reads the lines. A document type, and with it every entity, is refused.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TextIO
from xml.parsers import expat

from cm_core.errors import FileRejected
from cm_core.imports.number_columns import is_action

_CHUNK = 1 << 20
#: Bytes without the end of a tag: no registry has such a tag, and the parser would keep all of them.
_MAX_TAG_BYTES = 1 << 20
#: Lines written at once.
_LINES = 50_000
_STARTS = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|list|!DOCTYPE|!--)", re.IGNORECASE)
_UTF16 = (b"\xff\xfe<\x00", b"\xfe\xff\x00<", b"<\x00", b"\x00<")
_AREA_CODE = re.compile(r"[0-9]{3}")
_WHOLE = re.compile(r"[0-9]{10}")
_CHANGES = re.compile(r"change|delta|update", re.IGNORECASE)
_BREAKS = re.compile(r"[\r\n]+")
#: Digits of a number within its area code.
_DIGITS = 7


def is_xml(path: Path) -> bool:
    """Whether the file begins as XML does."""
    with path.open("rb") as file:
        head = file.read(4096)
    return _STARTS.match(head) is not None or head.startswith(_UTF16)


def write_as_text(path: Path, target: Path) -> tuple[str, ...]:
    """Write the list's lines to `target` and return the names of their columns; one that is there is left alone.

    Raises FileRejected for a document that is damaged, cut off or another than the registry's, and for one with a
    document type.
    """
    marker = target.with_suffix(".columns")
    if marker.exists():
        return tuple(marker.read_text().split(","))
    with target.open("w", encoding="utf-8", newline="") as out:
        columns = _Reader(path.name, out).read(path)
    marker.write_text(",".join(columns))
    return columns


class _Reader:
    """Turns one document into lines."""

    def __init__(self, name: str, out: TextIO) -> None:
        self._name = name
        self._out = out
        self._writer = csv.writer(out, lineterminator="\n")
        self._plain: list[str] = []
        self._area = self._default_area = ""
        self._is_root = True
        self._is_change_list: bool | None = None
        self._count = 0
        self._parser = expat.ParserCreate()
        self._parser.ordered_attributes = True
        self._parser.StartElementHandler = self._start
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype

    def read(self, path: Path) -> tuple[str, ...]:
        """Write the lines of the document; the names of their columns."""
        try:
            with path.open("rb") as file:
                fed = 0
                while chunk := file.read(_CHUNK):
                    self._parser.Parse(chunk, False)
                    fed += len(chunk)
                    if fed - max(self._parser.CurrentByteIndex, 0) > _MAX_TAG_BYTES + _CHUNK:
                        raise FileRejected(f"{self._name} has a tag of more than {_MAX_TAG_BYTES >> 20} MB.")
                self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise FileRejected(
                f"{self._name} is damaged or cut off: {expat.errors.messages.get(error.code, 'no XML')} at line "
                f"{error.lineno}. Download it again."
            ) from None
        self._flush()
        if not self._count:
            raise FileRejected(f"{self._name} has no numbers: no <ph val='...'/> in it.")
        return ("area_code", "number", "listing_date", "action") if self._is_change_list else ("area_code", "number")

    def _start(self, tag: str, attributes: list[str]) -> None:
        if tag == "ph" and self._is_change_list is False and _is_plain(attributes):
            self._plain.append(attributes[1])  # what a full list consists of
            if len(self._plain) >= _LINES:
                self._flush()
            return
        values = dict(zip(attributes[::2], attributes[1::2], strict=True))
        if self._is_root:
            self._root(tag, values)
        elif tag == "ph":
            self._flush()
            self._number(values)
        elif tag == "ac":
            self._flush()
            self._area = _BREAKS.sub(" ", values.get("val", "")).strip() or self._default_area

    def _root(self, tag: str, values: dict[str, str]) -> None:
        if tag.lower() != "list":
            raise FileRejected(f"{self._name} is XML, but not the registry's: it begins with <{tag[:40]}>.")
        value = values.get("val", "").strip()
        self._default_area = self._area = value if _AREA_CODE.fullmatch(value) else ""
        if any(_CHANGES.search(text) for name, text in values.items() if name != "val"):
            self._is_change_list = True
        self._is_root = False

    def _number(self, values: dict[str, str]) -> None:
        """An entry that is not plain, and the first one, which says of what kind the list is."""
        self._count += 1
        number, area = values.get("val", "").strip(), self._area
        if _WHOLE.fullmatch(number):
            area, number = number[:3], number[3:]
        said = [text for name, text in values.items() if name != "val"]
        if self._is_change_list is None:
            self._is_change_list = any(map(is_action, said))
        elif not self._is_change_list and any(map(is_action, said)):
            raise FileRejected(f"{self._name} is half a list of changes: some numbers have A or D, others do not.")
        cells = [area, number]
        if self._is_change_list:
            cells.append(next((text for text in said if not is_action(text)), ""))
            cells.append(next((text for text in said if is_action(text)), ""))
        self._writer.writerow([_BREAKS.sub(" ", cell) for cell in cells])

    def _flush(self) -> None:
        """Write the plain numbers of the area code."""
        if self._plain:
            self._count += len(self._plain)
            if _AREA_CODE.fullmatch(self._area):
                self._out.write("".join(f"{self._area},{number}\n" for number in self._plain))
            else:
                self._writer.writerows([self._area, number] for number in self._plain)
            self._plain.clear()

    def _refuse_doctype(self, *_: object) -> None:
        raise FileRejected(f"{self._name} declares a document type, which the registry's files do not. It is refused.")


def _is_plain(attributes: list[str]) -> bool:
    return (
        len(attributes) == 2 and attributes[0] == "val" and len(attributes[1]) == _DIGITS and attributes[1].isdecimal()
    )
