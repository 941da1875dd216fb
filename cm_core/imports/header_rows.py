"""Where the header of a list stands: people put titles above it. What the columns mean is in `mapping`."""

from __future__ import annotations

from collections.abc import Sequence

from cm_core.errors import FileRejected
from cm_core.imports.content import unlike_headers
from cm_core.imports.feed_catalog import Feed
from cm_core.imports.mapping import known_headers

#: Records among which the header is looked for.
LOOKED_AT = 10


def find_header(records: Sequence[Sequence[str]], feed: Feed) -> int:
    """Which of a file's first `records` is its header: 0, or the place of one below a title.

    It is the first that has more headers that the feed knows than the first record, at least two, and as many as
    half of its cells. What stands above has half as many cells at most.

    Raises FileRejected where what stands above are rows and the header is plainly one: they would be lost, or read
    under a header that is not theirs.
    """
    known_first = _known(records[0], feed)
    for place, record in enumerate(records[1:], start=1):
        cells = _filled(record)
        known = _known(cells, feed)
        if known < max(2, known_first + 1) or 2 * known < len(cells) or unlike_headers(cells):
            continue
        if all(2 * len(_filled(above)) <= len(cells) and not unlike_headers(above) for above in records[:place]):
            return place
        if known > 2:
            shown = ", ".join(repr(cell.strip()[:40]) for cell in cells[:6])
            raise FileRejected(
                f"The header seems to stand in line {place + 1} of those that are not blank ({shown}), below others "
                "that look like rows. Remove what stands above it, or make the parts files of their own."
            )
    return 0


def said_of_title(above: Sequence[Sequence[str]]) -> list[str]:
    """A sentence about what stands above the header, if anything does."""
    texts = [" ".join(_filled(record)) for record in above if _filled(record)]
    return [f"What stands above the header is in no row: {' / '.join(texts)[:200]!r}"] if texts else []


def _known(cells: Sequence[str], feed: Feed) -> int:
    """How many of the cells are headers that the feed knows, or columns that it declares."""
    declared = {column for columns in feed.mapping.values() for column in columns}
    return sum(1 for cell in cells if cell.strip() in declared or known_headers([cell], feed))


def _filled(record: Sequence[str]) -> list[str]:
    return [cell for cell in record if cell.strip()]
