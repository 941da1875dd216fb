"""Alembic's environment: runs the revisions over the connection that `migrations.upgrade` hands in."""

from __future__ import annotations

from alembic import context

from cm_core.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
