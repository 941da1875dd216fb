"""The DuckDB session in which all column work runs."""

from cm_core.compute.scratch import scratch
from cm_core.compute.session import beside, put_table, quoted, scratch_folder, session, sql

__all__ = ["beside", "put_table", "quoted", "scratch", "scratch_folder", "session", "sql"]
