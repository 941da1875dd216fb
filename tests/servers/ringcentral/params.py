"""Query parameters: read once, and refused with CMN-101 where they are not what the API takes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fastapi import Request

from tests.servers.ringcentral.errors import invalid
from tests.servers.ringcentral.moments import DAY_MS, to_milliseconds


class Params:
    """The query of a request. Lists repeat (`type=Voice&type=Fax`); a name that is not known is passed over."""

    def __init__(self, request: Request) -> None:
        self._query = request.query_params

    def __contains__(self, name: str) -> bool:
        return name in self._query

    def text(self, name: str) -> str | None:
        value = self._query.get(name)
        if value == "":
            raise invalid(name)
        return value

    def texts(self, name: str) -> list[str]:
        return self._query.getlist(name)

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        value = self._query.get(name, default)
        if value not in allowed:
            raise invalid(name)
        return value

    def choices(self, name: str, allowed: Collection[str]) -> frozenset[str]:
        """Those asked for; all, if none is."""
        values = self._query.getlist(name)
        if any(value not in allowed for value in values):
            raise invalid(name)
        return frozenset(values or allowed)

    def flag(self, name: str) -> bool:
        return self.choice(name, ("true", "false", "True", "False"), "false").lower() == "true"

    def number(self, name: str, default: int | None, most: int) -> int | None:
        """A whole number from 1 to `most`."""
        value = self._query.get(name)
        if value is None:
            return default
        if not value.isdecimal() or not 1 <= int(value) <= most:
            raise invalid(name)
        return int(value)

    def page(self) -> tuple[int, int]:
        """Page and perPage (100; `max` is 1,000)."""
        number = self.number("page", 1, 10**9) or 1
        size = 1000 if self._query.get("perPage") == "max" else self.number("perPage", 100, 1000)
        return number, size or 100

    def moment(self, name: str) -> int | None:
        value = self._query.get(name)
        if value is None:
            return None
        try:
            return to_milliseconds(value)
        except ValueError:
            raise invalid(name) from None

    def window(self, now: int) -> tuple[int, int]:
        """From dateFrom (default: 24 hours before dateTo) to dateTo (default: now)."""
        until = self.moment("dateTo")
        until = now if until is None else until
        since = self.moment("dateFrom")
        since = until - DAY_MS if since is None else since
        if since > until:
            raise invalid("dateFrom")
        return since, until

    def bare_number(self, name: str) -> str | None:
        """A phone number in E.164 without its plus."""
        value = self.text(name)
        if value is not None and not value.isdecimal():
            raise invalid(name)
        return value


def paged(request: Request, records: list[Any], number: int, size: int, *, has_more: bool) -> dict[str, Any]:
    """An answer in pages: nextPage is absent on the last."""

    def link(to: int) -> dict[str, str]:
        return {"uri": str(request.url.include_query_params(page=to, perPage=size))}

    start = (number - 1) * size
    navigation = {"firstPage": link(1)}
    if has_more:
        navigation["nextPage"] = link(number + 1)
    if number > 1:
        navigation["previousPage"] = link(number - 1)
    return {
        "uri": str(request.url),
        "records": records,
        "paging": {
            "page": number, "perPage": size, "pageStart": start, "pageEnd": max(start + len(records) - 1, start),
        },
        "navigation": navigation,
    }  # fmt: skip
