"""The object store: landing zone and lake, on a local folder or on S3."""

from cm_core.lake.objects import ObjectInfo, ObjectStore, lake, landing_zone

__all__ = ["ObjectInfo", "ObjectStore", "lake", "landing_zone"]
