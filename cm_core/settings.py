"""Every setting of the system, read once from the environment and, beneath it, a secret that it names (`aws_secrets`).

Secrets (the password inside `CM_DATABASE_URL`) are `SecretStr`: printing the settings never shows them.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from cm_core.aws_secrets import SecretsSource
from cm_core.errors import SettingsError

#: A URL of a store, and an amount of memory, as DuckDB reads it.
_STORE = re.compile(r"(file:(//[^/]*)?/|s3://[^/]).*", re.IGNORECASE)
_SIZE = re.compile(r"\s*\d+(\.\d+)?\s*([kmgt](i?b)?|b(ytes?)?|%)\s*", re.ASCII | re.IGNORECASE)


class Settings(BaseSettings):
    """Where things are and how strict the rules are. Each field `x` is the environment variable `CM_X`."""

    model_config = SettingsConfigDict(env_prefix="CM_", frozen=True, extra="ignore")

    # Places
    home: Path = Field(Path(".cm"), description="State folder: private database, landing zone, lake, Dagster instance.")
    database_url: SecretStr | None = Field(
        None, description="mysql://user:password@host:port/database. Unset: a private server under CM_HOME."
    )
    database_readonly_url: SecretStr | None = Field(
        None, description="A read-only account for `cm sql`. Unset: the private server's own, or a READ ONLY session."
    )
    landing_url: str | None = Field(None, description="file:///... or s3://bucket/prefix. Unset: CM_HOME/landing.")
    lake_url: str | None = Field(None, description="file:///... or s3://bucket/prefix. Unset: CM_HOME/lake.")
    s3_endpoint_url: str | None = Field(None, description="An S3-compatible endpoint other than AWS.")
    s3_timeout_seconds: float = Field(60.0, gt=0, description="Nothing from S3 for so long: the request has failed.")

    # Resources
    compute_memory_limit: str = Field("2GB", description="DuckDB's memory limit; beyond it, it spills to CM_HOME/tmp.")
    import_memory_limit: str = Field("1GB", description="The same for each import, of which several may be under way.")
    compute_threads: int = Field(2, ge=1)

    # Imports
    max_file_bytes: int = Field(5 * 1024**3, description="Larger files are rejected (seed D1).")
    max_field_chars: int = Field(1_000_000, description="A longer single field makes its row a rejected row.")
    bulk_rows: int = Field(
        20_000, ge=0, description="People of a batch from which it may be written beside the tables and swapped in."
    )
    staging_rows_per_import: int = Field(
        20_000, ge=0, description="Rows of an import kept for inspection in staging_raw_import; the lake keeps all."
    )
    validation_log_rows_per_import: int = Field(100_000, ge=0, description="Findings kept in import_validation_log.")
    settle_seconds: float = Field(5.0, ge=0, description="A landing file younger than this may still be written to.")
    sensor_seconds: int = Field(10, ge=1, description="How often the sensor looks into the landing zone.")
    run_files: int = Field(200, ge=1, description="Imports that share a run at most.")
    run_bytes: int = Field(1024**3, ge=1, description="Bytes of files that share a run at most; one is always taken.")

    # Legacy MySQL
    legacy_database_url: SecretStr | None = Field(
        None, description="mysql://user:password@host:port/database of the legacy database; SELECT is enough."
    )
    legacy_tables: str = Field(
        "", description="Tables to extract: `people,owners=voter_ny`, or the path of a YAML file with `table: feed`."
    )
    legacy_slice_rows: int = Field(
        1_000_000, ge=1, le=10**9, description="Rows of a slice, which is one file and one import."
    )
    legacy_statement_seconds: int = Field(
        900, ge=1, le=10**6, description="The source is asked to end longer statements."
    )

    # The guards of resolve (architecture, "Resolve and apply"). 0 or false restores the seed's literal rule.
    shared_contact_max_surnames: int = Field(
        5, ge=0, description="A phone or email carried by more surnames than this is no match key. 0 switches it off."
    )
    phone_needs_first_name: bool = Field(
        True, description="A shared phone alone does not merge people whose first names clash."
    )
    email_needs_first_name: bool = Field(
        True, description="A shared email alone does not merge people whose first names are two common ones."
    )
    attach_to_one_person: bool = Field(
        True,
        description="A row whose keys point at several persons attaches to one; the others become duplicates. "
        "False: its values go to every one of them, as the seed's SQL does.",
    )

    # Privacy
    privacy_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="Secret of the hashes of people who had their data deleted. Unset: the file CM_HOME/privacy.key.",
    )

    # Linkage
    match_threshold: float = Field(0.9, gt=0, lt=1, description="Splink probability from which a pair is a duplicate.")
    review_threshold: float = Field(
        0.5, gt=0, lt=1, description="Pairs less probable than a duplicate, but at least this, go to the review queue."
    )
    review_queue_size: int = Field(10_000, ge=0, description="Pairs in the review queue at most: those of most value.")
    max_cluster_size: int = Field(50, ge=2, description="Records linked into one entity at most; more go to review.")
    bridge_threshold: float = Field(
        0.99,
        gt=0,
        lt=1,
        description="A link that alone joins two groups must be as probable, or it goes to review.",
    )
    max_pairs: int = Field(2_000_000_000, description="Linkage refuses to score more candidate pairs than this.")

    # Compliance
    calling_windows_days_back: int = Field(30, ge=0, description="Days past of which calling hours are kept.")
    calling_windows_days_ahead: int = Field(14, ge=2, description="Days to come of which calling hours are known.")

    # Pipedrive
    pipedrive_url: str = Field("https://api.pipedrive.com", description="Without /api/v2 and /v1.")
    pipedrive_token: SecretStr | None = Field(None, description="API token of the user who syncs; scope: see docs.")
    pipedrive_user_id: int | None = Field(None, description="Id of that user. Unset: asked of Pipedrive.")
    pipedrive_daily_tokens: int = Field(
        30_000, ge=0, description="Tokens a day that we may spend: 30,000 x plan x seats, less what others use."
    )
    pipedrive_reserve_tokens: int = Field(
        3_000, ge=0, description="Of them, tokens that only do-not-contact facts may spend."
    )
    pipedrive_burst: int = Field(20, ge=1, description="Requests of the token per window; by plan 20, 40, 100 or 120.")
    pipedrive_burst_seconds: float = Field(2.0, gt=0, description="That window.")
    pipedrive_blocked_seconds: float = Field(
        300.0, gt=0, description="Pause after Pipedrive has shut us out without saying for how long."
    )
    pipedrive_webhook_path: SecretStr | None = Field(
        None, min_length=12, description="Last part of the address that takes webhooks; unset: just /pipedrive."
    )
    pipedrive_webhook_user: str | None = Field(None, description="Basic auth of webhooks that come in.")
    pipedrive_webhook_password: SecretStr | None = Field(None, min_length=12)
    pipedrive_overlap_minutes: int = Field(60, ge=0, description="A pull begins so long before its day.")

    # RingCentral
    ringcentral_url: str = Field("https://platform.ringcentral.com")
    ringcentral_client_id: str | None = Field(None)
    ringcentral_client_secret: SecretStr | None = Field(None)
    ringcentral_jwt: SecretStr | None = Field(None, description="The JWT credential of the user who reads the log.")
    ringcentral_light: int = Field(50, ge=1, description="Requests per window of the group Light.")
    ringcentral_medium: int = Field(40, ge=1)
    ringcentral_heavy: int = Field(10, ge=1)
    ringcentral_auth: int = Field(5, ge=1)
    ringcentral_window_seconds: float = Field(60.0, gt=0)
    ringcentral_penalty_seconds: float = Field(
        60.0, gt=0, description="Pause after RingCentral refused for rate without saying for how long."
    )
    ringcentral_extensions: str = Field(
        "~", description="Ids of the extensions whose texts are read, by commas; ~ is that of the JWT's user."
    )
    ringcentral_overlap_days: int = Field(2, ge=0, description="A day's pull reads so many days before it once more.")

    # Both
    days_from: date = Field(
        date(2025, 12, 1), description="The first day (UTC) of the daily partitions; RingCentral keeps twelve months."
    )
    web_timeout_seconds: float = Field(30.0, gt=0, description="Nothing from an API for so long: the try has failed.")
    web_tries: int = Field(3, ge=1, description="Tries of a request before it has failed.")
    web_backoff_seconds: float = Field(1.0, ge=0, description="Pause before the second try; it doubles, with jitter.")
    secrets_name: str | None = Field(
        None, description="AWS Secrets Manager: a secret with a JSON object of settings (CM_...); the environment wins."
    )

    @field_validator("landing_url", "lake_url")
    @classmethod
    def _is_store(cls, value: str | None) -> str | None:
        if value and not _STORE.fullmatch(value):
            raise ValueError("is no URL of a store: file:///folder or s3://bucket/prefix")
        return value or None

    @field_validator("pipedrive_token", "ringcentral_client_secret", "ringcentral_jwt")
    @classmethod
    def _is_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[!-~]*", value.get_secret_value()):
            raise ValueError("has blanks, or letters that no token has")
        return value

    @field_validator("compute_memory_limit", "import_memory_limit")
    @classmethod
    def _is_size(cls, value: str) -> str:
        if not _SIZE.fullmatch(value):
            raise ValueError("is no amount of memory, such as 2GB or 512MB")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, then the environment, then the secret."""
        return init_settings, env_settings, SecretsSource(settings_cls)

    @property
    def home_dir(self) -> Path:
        """The state folder as an absolute path."""
        return self.home.expanduser().resolve()

    @property
    def landing(self) -> str:
        """URL of the landing zone."""
        return self.landing_url or (self.home_dir / "landing").as_uri()

    @property
    def lake(self) -> str:
        """URL of the lake."""
        return self.lake_url or (self.home_dir / "lake").as_uri()

    @property
    def scratch_dir(self) -> Path:
        """Folder for temporary files of running jobs; safe to delete when nothing runs."""
        return self.home_dir / "tmp"

    @property
    def dagster_home(self) -> Path:
        """Folder of the Dagster instance that the UI shows."""
        return self.home_dir / "dagster"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings, read on first use.

    Raises SettingsError naming each variable that is wrong, without its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"CM_{'_'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        raise SettingsError(f"Settings cannot be read. {wrong}") from None
