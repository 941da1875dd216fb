"""Match keys of phone numbers and e-mail addresses as the CRM has them: free text, one value or several in it."""

from __future__ import annotations

from functools import lru_cache

from cm_core.hygiene.emails import standardize_email
from cm_core.hygiene.phones import standardize_phone
from cm_core.hygiene.text import fold, squeeze


@lru_cache(maxsize=200_000)
def phone_keys(text: str) -> tuple[str, ...]:
    """The keys of the phone numbers in a text, as `phone_numbers.phone_key` has them; of none, the text itself."""
    found = standardize_phone(text)
    return tuple(_phone_key(phone.e164, phone.extension) for phone in found if phone.e164) or (_plain(text),)


@lru_cache(maxsize=200_000)
def email_keys(text: str) -> tuple[str, ...]:
    """The keys of the e-mail addresses in a text; of none, the text itself."""
    return tuple(found.key for found in standardize_email(text) if found.email and found.key) or (_plain(text),)


def _phone_key(e164: str | None, extension: str | None) -> str:
    return f"{e164};ext={extension}" if extension else str(e164)


def _plain(text: str) -> str:
    return fold(squeeze(text))
