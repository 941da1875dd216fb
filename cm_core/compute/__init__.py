"""The DuckDB session in which all column work runs."""

from cm_core.compute.session import session, sql

__all__ = ["session", "sql"]
