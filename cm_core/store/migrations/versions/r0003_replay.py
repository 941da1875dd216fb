"""Replays of imports, and who it was in the audit log.

What was logged before has no actor: nobody wrote it down.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import LONGTEXT

from cm_core.store.migrations.steps import OPTIONS, TIME, add_column, code, exact

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column. Each step can be run again: MySQL commits each DDL statement by itself."""
    add_column(
        "import_audit_log",
        sa.Column("actor", sa.String(255), comment="Who: a user, the landing zone, a run of the orchestrator"),
    )
    op.create_table(
        "import_replays",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("import_id", code(24), nullable=False),
        sa.Column(
            "replay_no", sa.Integer(), nullable=False, comment="1, 2 ... within the import; names its part of the lake"
        ),
        sa.Column("mode", code(16), nullable=False, comment="full or errors-only"),
        sa.Column("status", code(16), nullable=False, comment="OPEN, COMPLETE or FAILED"),
        sa.Column("status_reason", sa.Text()),
        sa.Column("requested_by", sa.String(255)),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.Column("corrected_filename", sa.String(255), comment="The file with mended rows, if one was given"),
        sa.Column("landing_key", exact(700)),
        sa.Column("s3_location", sa.String(1024)),
        sa.Column("file_size_bytes", sa.BigInteger()),
        sa.Column("checksum_sha256", code(64)),
        sa.Column(
            "row_count", sa.BigInteger(), comment="As staged by this replay; the import's own once it is COMPLETE"
        ),
        sa.Column("error_count", sa.BigInteger()),
        sa.Column("brought_in", sa.BigInteger(), comment="Rows that were rejected before and are in now"),
        sa.Column("schema_version", sa.String(32)),
        sa.Column("file_format", LONGTEXT(), comment="JSON, as in import_metadata"),
        sa.ForeignKeyConstraint(["import_id"], ["import_metadata.import_id"], name="fk_import_replays_import_id"),
        sa.PrimaryKeyConstraint("id", name="pk_import_replays"),
        sa.UniqueConstraint("import_id", "replay_no", name="uq_import_replays_import_id"),
        if_not_exists=True,
        comment="Each replay of an import: who asked for it, with which corrected file, what became of it (seed D5)",
        **OPTIONS,
    )


def downgrade() -> None:
    """Take both out again. What replays brought in stays in the canonical tables."""
    op.drop_table("import_replays")
    op.drop_column("import_audit_log", "actor")
