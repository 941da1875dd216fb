"""The DuckDB session in which all column work runs, and worker processes for functions over columns."""

from cm_core.compute.session import session, sql
from cm_core.compute.workers import Map, in_process, workers

__all__ = ["Map", "in_process", "session", "sql", "workers"]
