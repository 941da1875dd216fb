"""Match keys of phone numbers and e-mail addresses as the CRM has them: free text, one value or several in it."""

from __future__ import annotations

from functools import lru_cache

from cm_core.hygiene.emails import standardize_email
from cm_core.hygiene.phones import standardize_phone
from cm_core.hygiene.text import fold, squeeze

#: Between number and extension in a key.
_EXTENSION = ";ext="


@lru_cache(maxsize=200_000)
def phone_keys(text: str) -> tuple[str, ...]:
    """The keys of the phone numbers in a text, as `phone_numbers.phone_key` has them; of none, the text itself."""
    found = standardize_phone(text)
    return tuple(_phone_key(phone.e164, phone.extension) for phone in found if phone.e164) or (plain(text),)


@lru_cache(maxsize=200_000)
def email_keys(text: str) -> tuple[str, ...]:
    """The keys of the e-mail addresses in a text; of none, the text itself."""
    return tuple(found.key for found in standardize_email(text) if found.email and found.key) or (plain(text),)


def plain(text: str) -> str:
    """What a text is compared by that is no number, no e-mail address and no postal address."""
    return fold(squeeze(text))


def phone_text(e164: str, extension: str | None) -> str:
    """A phone number as we write it."""
    return f"{e164} x{extension}" if extension else e164


def phone_text_of(key: str) -> str:
    """The same, out of the key of a number."""
    e164, _, extension = key.partition(_EXTENSION)
    return phone_text(e164, extension)


def _phone_key(e164: str | None, extension: str | None) -> str:
    return f"{e164}{_EXTENSION}{extension}" if extension else str(e164)
