"""RingCentral in the graph: calls, texts and consents of a day land as imports.

How they are read is `cm_core.telephony`.
"""

import dagster as dg

from cm_assets.daily import Pulls, of_each_day, pull_each_day
from resources.database import DatabaseResource
from resources.ringcentral import RingCentralResource


def pulls(days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The pulls of a day."""
    of_a_day = of_each_day(days, group="call_logs", kind="ringcentral")

    @dg.asset(**of_a_day)
    def ringcentral_call_log(
        context: dg.AssetExecutionContext, store: DatabaseResource, ringcentral: RingCentralResource
    ) -> Pulls:
        """The company's calls of the day, and once more those of the days before it, as a file that lands."""
        missing = ringcentral.missing(store.settings)
        yield from pull_each_day(
            context, missing, lambda day: ringcentral.pull_calls(store.settings, store.database, day)
        )

    @dg.asset(**of_a_day)
    def ringcentral_messages(
        context: dg.AssetExecutionContext, store: DatabaseResource, ringcentral: RingCentralResource
    ) -> Pulls:
        """Texts of the day, and once more those of the days before it, as a file that lands."""
        missing = ringcentral.missing(store.settings)
        yield from pull_each_day(
            context, missing, lambda day: ringcentral.pull_messages(store.settings, store.database, day)
        )

    @dg.asset(**of_a_day)
    def ringcentral_consents(
        context: dg.AssetExecutionContext, store: DatabaseResource, ringcentral: RingCentralResource
    ) -> Pulls:
        """Who asked not to be texted, as RingCentral has it at the moment; lands when it differs from the last time."""
        missing = ringcentral.missing(store.settings)
        yield from pull_each_day(
            context, missing, lambda day: ringcentral.pull_consents(store.settings, store.database, day)
        )

    return [ringcentral_call_log, ringcentral_messages, ringcentral_consents]
