"""The MySQL database, as a Dagster resource. Queries and rules live in `cm_core`; dbt has its own resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

if TYPE_CHECKING:
    from cm_core.settings import Settings
    from cm_core.store import Database


class DatabaseResource(dg.ConfigurableResource["DatabaseResource"]):
    """The settings, and the database that they name (a private server is started when they name none).

    It is opened on first use, once per run, and closed when the run ends.
    """

    _database: Database | None = PrivateAttr(default=None)

    @property
    def settings(self) -> Settings:
        """The settings of this process."""
        from cm_core.settings import get_settings

        return get_settings()

    @property
    def database(self) -> Database:
        """The open database. Raises DatabaseUnavailable when it cannot be reached."""
        if self._database is None:
            from cm_core.store import open_database

            self._database = open_database(self.settings)
        return self._database

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Give the connections back."""
        if self._database is not None:
            self._database.close()
            self._database = None


def database_of(settings: Settings) -> DatabaseResource:
    """The resource over settings that are not the process's own: for programs and tests that bring theirs."""

    class Given(DatabaseResource):
        @property
        def settings(self) -> Settings:
            return settings

    return Given()
