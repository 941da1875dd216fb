"""The atomic upsert: match keys, resolving rows to persons, applying an import in one transaction."""

from cm_core.upsert.engine import ApplyResult, apply

__all__ = ["ApplyResult", "apply"]
