"""Campaigns and touchpoints: the history of contacts, each found its person by the keys that contacts match by.

Staging their files is `cm_core.imports`; who is one person is `cm_core.upsert` and `cm_core.linkage`, which tell
`Attachment` whom their writes concern.
"""

from cm_core.touchpoints.attachment import Attachment
from cm_core.touchpoints.campaigns import CampaignCounts, apply_campaigns
from cm_core.touchpoints.history import TouchpointCounts, apply_touchpoints
from cm_core.touchpoints.preview import preview_campaigns, preview_touchpoints

__all__ = [
    "Attachment", "CampaignCounts", "TouchpointCounts", "apply_campaigns", "apply_touchpoints", "preview_campaigns",
    "preview_touchpoints",
]  # fmt: skip
