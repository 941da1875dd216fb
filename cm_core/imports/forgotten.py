"""People who had their data deleted, as imports know them: by keyed hashes of their contact points.

So no list brings them back. A hash is HMAC-SHA-256 (RFC 2104) under a secret that is kept apart from the database:
without it, nobody can try all telephone numbers. Who is deleted, and what of, is `cm_core.compliance.privacy`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Collection
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from cm_core.compute import sql
from cm_core.errors import SettingsError
from cm_core.settings import Settings
from cm_core.store.database import Database

if TYPE_CHECKING:
    from pymysql.connections import Connection

_FILE = "privacy.key"
_SEPARATOR = "\x1f"
_BLOCK = 64
_HASHES = """
select distinct contact_key, value from contact_facts where fact = 'privacy_deletion' and contact_kind = 'hash'
"""
_OF_ERASED = """
contact_facts as f
inner join person_sources as s on s.person_id = f.person_id and s.import_id = %(import_id)s
inner join {copies} as c on c.import_id = s.import_id and c.`row_number` = s.`row_number`
"""
_IS_ERASED = "where f.fact = 'privacy_deletion' and f.value = 'erased'"
_CLEAR_COPIES = (
    f"delete c from {_OF_ERASED.format(copies='staging_raw_import')} {_IS_ERASED}",
    f"update {_OF_ERASED.format(copies='import_validation_log')} set c.field_value = null {_IS_ERASED}",
)


@dataclass(frozen=True)
class PrivacyKey:
    """The secret of the hashes. It is nowhere printed, logged or stored but in its file or setting."""

    secret: bytes

    def __repr__(self) -> str:
        return "PrivacyKey(...)"

    def hashed(self, kind: str, key: str) -> str:
        """The hash of a contact point of a kind (phone, email, name_zip), in hexadecimal digits."""
        return hmac.digest(self.secret, f"{kind}{_SEPARATOR}{key}".encode(), "sha256").hex()

    @property
    def fingerprint(self) -> str:
        """Which key it is; kept with each hash, so that another key is noticed."""
        return self.hashed("key", "")[:16]

    @cached_property
    def pads(self) -> tuple[bytes, bytes]:
        """The inner and the outer block that SHA-256 is begun with (RFC 2104)."""
        secret = hashlib.sha256(self.secret).digest() if len(self.secret) > _BLOCK else self.secret
        block = secret.ljust(_BLOCK, b"\0")
        return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


@dataclass(frozen=True)
class Forgotten:
    """The hashes there are, and the key they were made with."""

    key: PrivacyKey
    hashes: pa.Table


def privacy_key(settings: Settings, *, make: bool = False) -> PrivacyKey | None:
    """The secret: CM_PRIVACY_KEY, else the file `privacy.key` under CM_HOME, which `make` makes for its owner alone.

    None where there is none. Raises SettingsError where the file cannot be read or is empty.
    """
    if settings.privacy_key is not None:
        return PrivacyKey(settings.privacy_key.get_secret_value().encode())
    path = settings.home_dir / _FILE
    try:
        if make:
            _make(path)
        secret = path.read_text().strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"The key of the privacy hashes, {path}, cannot be read: {error.strerror}.") from None
    if not secret:
        raise SettingsError(f"The key of the privacy hashes, {path}, is empty. Bring back the file that was there.")
    return PrivacyKey(secret.encode())


def _make(path: Path) -> None:
    """A new secret in the file, whole or not at all, unless there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    try:
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def key_for_hashing(settings: Settings, database: Database) -> PrivacyKey:
    """The secret to make hashes with: made where there are none yet. Raises SettingsError where it is lost."""
    found = forgotten(settings, database)
    if found is not None:
        return found.key
    key = privacy_key(settings, make=True)
    assert key is not None
    return key


def forgotten(settings: Settings, database: Database) -> Forgotten | None:
    """The hashes of those who were deleted; None where there are none.

    Raises SettingsError where the key that they were made with is not there: imports of people would bring them back.
    """
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(_HASHES)
        rows = cursor.fetchall()
    if not rows:
        return None
    key = key_of_hashes(settings, {value for _, value in rows}, len(rows))
    return Forgotten(key, pa.table({"hash": pa.array([contact_key for contact_key, _ in rows], pa.string())}))


def key_of_hashes(settings: Settings, fingerprints: Collection[str | None], hashes: int) -> PrivacyKey:
    """The secret that so many hashes were made with, by its fingerprints. Raises SettingsError where it is lost."""
    key = privacy_key(settings)
    if key is None or any(found != key.fingerprint for found in fingerprints):
        what = "is not there" if key is None else "is another one than they were made with"
        raise SettingsError(
            f"People had their data deleted ({hashes:,} hashes), and the key that tells them {what}. Set "
            f"CM_PRIVACY_KEY, or bring back {settings.home_dir / _FILE}; without it, lists would bring them back."
        )
    return key


def leave_out(con: duckdb.DuckDBPyConnection, found: Forgotten) -> None:
    """Reject the rows of `stage_contacts.sql` that have a contact point of somebody deleted.

    Nothing of what they say is kept: no staged value, no value in a finding, no raw text.
    """
    con.register("forgotten_hashes", found.hashes)
    for statement in con.extract_statements(sql("cm_core.imports", "forgotten.sql")):
        inner, outer = found.key.pads
        con.execute(statement, {"inner": inner, "outer": outer} if statement.named_parameters else None)
    con.unregister("forgotten_hashes")


def clear_copies(connection: Connection[Any], import_id: str) -> None:
    """Take what rows of deleted people say out of the copies that staging an import again has made for inspection."""
    with connection.cursor() as cursor:
        for statement in _CLEAR_COPIES:
            cursor.execute(statement, {"import_id": import_id})
