"""The schema's history (Alembic) and the one call that brings a database up to date.

Tables are declared in `store/tables.py`; each change there gets a revision in `versions/`, and a test compares the
two. MySQL commits each DDL statement by itself, so every step of a revision can be run again (see `steps.py`).
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from cm_core.errors import CmError, UsageError
from cm_core.store.database import Database
from cm_core.store.locks import named_lock

_LOCK = "cm_migrate"
_LOCK_TIMEOUT_S = 300.0


def upgrade(database: Database, revision: str = "head") -> str | None:
    """Bring the schema of `database` to `revision`. Returns the revision it had before, None if it was empty.

    Safe to call from several processes at once: one works, the others wait and find nothing to do.
    Raises WriterBusy after 300 s of waiting, CmError where a newer version of the program has migrated the database.
    """
    before = current(database)
    if before == head() and revision == "head":
        return before
    if before is not None and before not in {script.revision for script in _scripts().walk_revisions()}:
        raise CmError(
            f"The database {database.name} has schema {before}, of a newer version of cm: this one knows it up to "
            f"{head()}. Install the newer version. Nothing was changed."
        )
    with database.connect(autocommit=True) as guard, named_lock(guard, _LOCK, timeout_s=_LOCK_TIMEOUT_S):
        before = current(database)
        config = _config()
        with database.engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    return before


def current(database: Database) -> str | None:
    """The revision that `database` has, None if it has no tables of ours."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str | None:
    """The newest revision there is."""
    return _scripts().get_current_head()


def draft(database: Database, message: str) -> Path:
    """Write a new revision with what `tables.py` has and `database` (at head) lacks, and return its file.

    Raises UsageError if there is no difference.
    """
    config = _config()
    config.set_main_option("file_template", "r%%(rev)s_%%(slug)s")

    def refuse_empty(_context: object, _revision: object, directives: list[MigrationScript]) -> None:
        operations = directives[0].upgrade_ops
        if operations is None or operations.is_empty():
            raise UsageError("tables.py and the migrations agree: there is nothing to draft.")

    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        scripts = command.revision(
            config,
            message,
            autogenerate=True,
            rev_id=f"{int(head() or 0) + 1:04d}",
            process_revision_directives=refuse_empty,
        )
    script = scripts[0] if isinstance(scripts, list) else scripts
    if script is None:
        raise UsageError("Alembic drafted no revision.")
    return Path(script.path)


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
