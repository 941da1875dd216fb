"""What a do-not-call list makes of the area codes it names: decided here, area code by area code, written elsewhere.

Rules, each so that no fault of a file makes a number callable:

- A newer full list takes the place of the one in force. Would it take out too large a share of the numbers, or does it
  end long before they do, nothing is taken out, and the area code does not count as obtained anew.
- A list as old as the one in force only adds: it is the same list, or another part of it.
- An older one is kept and changes nothing.
- Changes go on top of a full list. Without one they only add, and the area code is not held.
- A full list holds an area code unless all but a few of its numbers are of other area codes: those are stray lines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cm_core.compliance.dnc.lists import AreaList
from cm_core.compliance.dnc.sets import Numbers, dated_later, is_in, joined, missing_at_an_end, renewed
from cm_core.compliance.dnc.staged import SaidList

#: Numbers in a row that are missing at an end of a list from which it is taken for cut off: with one number in ten
#: taken out at random, that happens once in 10^20 lists.
CUT_OFF = 20
#: A list has this many times as many numbers of another area code: these few are stray lines.
STRAY = 10_000

#: What becomes of an area code's numbers: they are in force from now on; they are kept as those of an older list; they
#: are listed without the area code being held; nothing.
Place = Literal["current", "older", "additions", "nothing"]


@dataclass(frozen=True)
class Draft:
    """What becomes of one area code of one list.

    `numbers` are its numbers from now on, where they changed (`is_changed`), else those that are in force. `said` are
    those that the file itself says are listed. `obtained_at` is what the area code's age counts from. `reason` is a
    sentence for people.
    """

    area_code: str
    place: Place
    numbers: Numbers
    said: Numbers
    is_changed: bool
    obtained_at: datetime
    is_first: bool = False
    is_older: bool = False
    added: int = 0
    removed: int = 0
    dated: int = 0
    reason: str | None = None


def draft(
    said: SaidList,
    area_code: str,
    known: AreaList | None,
    read: Callable[[AreaList], Numbers],
    *,
    max_shrink_percent: int,
) -> Draft:
    """Decide about one area code of a list; `known` is what is in force of it, and `read` gives its numbers."""
    new = said.numbers(area_code)
    if known is not None and known.is_held:
        if said.obtained_at < known.obtained_at:
            return _older(said, area_code, known, new)
        return _onto_held(said, area_code, known, read(known), new, max_shrink_percent)
    old = read(known) if known is not None else Numbers.none()
    since = max(said.obtained_at, known.obtained_at) if known is not None else said.obtained_at
    both = joined(old, new)
    added = len(both) - len(old)
    if said.is_change_list or _is_stray(said, area_code, new):
        reason = (
            f"{area_code}: no full list is held; what was added is listed, the area code is not held"
            if said.is_change_list
            else f"{area_code}: the list is about other area codes and has {len(new):,} of this one: listed, but the "
            "area code is not held"
        )
        if not len(new):
            return Draft(area_code, "nothing", old, new, False, since, reason=reason)
        return Draft(area_code, "additions", both, new, added > 0 or known is None, since, added=added, reason=reason)
    return Draft(area_code, "current", both, new, True, said.obtained_at, is_first=True, added=added)


def _older(said: SaidList, area_code: str, known: AreaList, new: Numbers) -> Draft:
    reason = f"{area_code}: the list of {known.obtained_at:%Y-%m-%d} ({known.import_id}) is newer"
    place: Place = "nothing" if said.is_change_list else "older"
    return Draft(area_code, place, new, new, True, said.obtained_at, is_older=True, reason=reason)


def _onto_held(
    said: SaidList, area_code: str, known: AreaList, old: Numbers, new: Numbers, max_shrink_percent: int
) -> Draft:
    """A list of an area code that is held, not older than what is in force."""
    reason = None
    obtained_at = said.obtained_at
    taken_out = is_in(old.number, said.deleted(area_code)) if said.is_change_list else ~is_in(old.number, new.number)
    gone = int(taken_out.sum())
    if said.obtained_at == known.obtained_at:  # the same download, or another part of it
        taken_out[:] = False
    elif loss := _loss(old, new, gone, max_shrink_percent, is_change_list=said.is_change_list):
        taken_out[:] = False
        obtained_at = known.obtained_at
        reason = f"{area_code}: {loss}; nothing was taken out, and its age counts from {known.obtained_at:%Y-%m-%d} on"
    kept = renewed(new, old)
    if said.is_change_list or not taken_out.any():
        kept = joined(old.where(~taken_out), kept)
    dated = dated_later(new, old)
    removed = int(taken_out.sum())
    added = len(kept) - (len(old) - removed)
    is_changed = bool(added or removed or dated)
    if not is_changed and obtained_at == known.obtained_at:
        return Draft(area_code, "nothing", old, new, False, obtained_at, reason=reason)
    return Draft(
        area_code, "current", kept, new, is_changed, obtained_at, added=added, removed=removed, dated=dated,
        reason=reason,
    )  # fmt: skip


def _loss(old: Numbers, new: Numbers, gone: int, max_shrink_percent: int, *, is_change_list: bool) -> str | None:
    """Why the list is not believed, or None."""
    if gone * 100 > max_shrink_percent * len(old):
        percent = gone / len(old)
        return f"would lose {gone:,} of {len(old):,} numbers ({percent:.1%}), more than {max_shrink_percent} %"
    if not is_change_list and (missing := missing_at_an_end(old, new)) > CUT_OFF:
        return f"{missing:,} numbers in a row are missing at an end of the list, which looks cut off"
    return None


def _is_stray(said: SaidList, area_code: str, new: Numbers) -> bool:
    return len(new) * STRAY < max(said.area_codes.values())
