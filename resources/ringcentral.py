"""RingCentral, as a Dagster resource: what is not set, and the pulls of `cm_core.telephony` that assets make."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

if TYPE_CHECKING:
    from cm_core.settings import Settings
    from cm_core.store import Database
    from cm_core.telephony import PullResult

_NEEDED = ("ringcentral_client_id", "ringcentral_client_secret", "ringcentral_jwt")


class RingCentralResource(dg.ConfigurableResource["RingCentralResource"]):
    """The account that the settings name. A process logs in once; a run logs out at its end."""

    _used: tuple[Settings, Database] | None = PrivateAttr(default=None)

    def missing(self, settings: Settings) -> list[str]:
        """The variables that have to be set before anything can be asked of RingCentral."""
        return [f"CM_{name.upper()}" for name in _NEEDED if not getattr(settings, name)]

    def pull_calls(self, settings: Settings, database: Database, day: date) -> PullResult:
        """`cm_core.telephony.pull_calls`."""
        from cm_core import telephony

        self._used = (settings, database)
        return telephony.pull_calls(settings, database, day)

    def pull_messages(self, settings: Settings, database: Database, day: date) -> PullResult:
        """`cm_core.telephony.pull_messages`."""
        from cm_core import telephony

        self._used = (settings, database)
        return telephony.pull_messages(settings, database, day)

    def pull_consents(self, settings: Settings, database: Database, day: date) -> PullResult:
        """`cm_core.telephony.pull_consents`."""
        from cm_core import telephony

        self._used = (settings, database)
        return telephony.pull_consents(settings, database, day)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Log out: RingCentral keeps about five sessions of a user."""
        if self._used is not None:
            from cm_core import telephony

            telephony.log_out(*self._used)
            self._used = None
