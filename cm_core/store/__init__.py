"""MySQL: tables, migrations, sessions, bulk load, locks, ids and the private server."""

from cm_core.store.database import Database, open_database, open_readonly
from cm_core.store.server import DatabaseUrls, PrivateServer

__all__ = ["Database", "DatabaseUrls", "PrivateServer", "open_database", "open_readonly"]
