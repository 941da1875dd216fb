"""RingCentral: its calls, texts and consents to texts come in as imports. Nothing is written there."""

from cm_core.telephony.calls import pull_calls, pull_calls_range
from cm_core.telephony.client import Page, RingCentralClient, Sync, log_out, ringcentral
from cm_core.telephony.consents import pull_consents
from cm_core.telephony.dialect import API
from cm_core.telephony.messages import pull_messages, pull_messages_range
from cm_core.telephony.pulls import PullResult
from cm_core.telephony.status import GroupPause, GroupUse, PulledFile, PullStatus, pull_status
from cm_core.telephony.windows import DAYS_AT_ONCE, RETENTION_DAYS

__all__ = [
    "API",
    "DAYS_AT_ONCE",
    "RETENTION_DAYS",
    "GroupPause",
    "GroupUse",
    "Page",
    "PullResult",
    "PullStatus",
    "PulledFile",
    "RingCentralClient",
    "Sync",
    "log_out",
    "pull_calls",
    "pull_calls_range",
    "pull_consents",
    "pull_messages",
    "pull_messages_range",
    "pull_status",
    "ringcentral",
]
