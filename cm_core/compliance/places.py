"""Where whoever is reached at a contact point may be: the places of an area code, and those of the entity's addresses.

Places are written as one key, `OK@America/Chicago|TX@America/Chicago`, all of which must be open. There are two keys
for a contact point, as in the marts; hours of a place are in `windows`.
"""

from __future__ import annotations

from collections.abc import Iterable

from cm_core.compliance.facts import Contact, Home
from cm_core.compliance.rules import Place, Rules

#: Every state and zone of the United States: where no place is known, or more than a key may hold.
EVERYWHERE = "??"
KEY_MAX = 255

#: Places that `EVERYWHERE` leaves out: with the far Pacific in it no hour would ever be open everywhere.
_FAR = frozenset(("AS", "FM", "GU", "MH", "MP", "PW"))


def area_key(area_code: str | None, rules: Rules) -> str:
    """The places of an area code; blank where it says nothing: toll-free, personal, unknown, of another plan."""
    known = rules.area_codes.get(area_code or "")
    return key_of(known.places) if known else ""


def home_key(homes: Iterable[Home], rules: Rules) -> str:
    """The places of all addresses of an entity; blank where none has a known place."""
    return key_of(place for home in homes for place in places_of_home(home, rules))


def places_of_home(home: Home, rules: Rules) -> frozenset[Place]:
    """Those of its ZIP, and those of its state too where the ZIP lies in another or says nothing."""
    by_zip = rules.zip3s.get((home.zip5 or "")[:3], frozenset())
    if any(place.state == home.state for place in by_zip):
        return by_zip
    return by_zip | rules.states.get(home.state or "", frozenset())


def key_of(places: Iterable[Place]) -> str:
    """The key of some places: sorted, each once; `EVERYWHERE` for more than a key can hold."""
    key = "|".join(sorted({str(place) for place in places}))
    return key if len(key) <= KEY_MAX else EVERYWHERE


def keys_of(contact: Contact, homes: Iterable[Home], rules: Rules) -> tuple[str, ...]:
    """The keys that must be open for a contact: of its area code and of the entity's addresses, or `EVERYWHERE`."""
    keys = (area_key(contact.area_code, rules), home_key(homes, rules))
    return tuple(sorted({key for key in keys if key})) or (EVERYWHERE,)


def places_in(key: str, rules: Rules) -> tuple[Place, ...]:
    """The places that a key stands for."""
    return rules.memo(("places", key), lambda: _parsed(key, rules))


def states_in(keys: tuple[str, ...], rules: Rules) -> frozenset[str]:
    """The states that keys stand for."""

    def make() -> frozenset[str]:
        return frozenset(place.state for key in keys for place in places_in(key, rules) if place.state)

    return rules.memo(("states", keys), make)


def _parsed(key: str, rules: Rules) -> tuple[Place, ...]:
    if key == EVERYWHERE:
        near = (places for state, places in rules.states.items() if state not in _FAR)
        return tuple(sorted(place for places in near for place in places))
    return tuple(Place(*text.split("@", 1)) for text in key.split("|"))
