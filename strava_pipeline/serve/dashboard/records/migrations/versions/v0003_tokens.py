"""Tokens of programs and phones. Times are seconds since 1970."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "dashboard_tokens",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("csrf_token", sa.String(64), nullable=False),
        sa.Column("athlete", sa.String(32), nullable=False),  # empty: of a dashboard without accounts
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("account", sa.String(32)),
        sa.Column("may", sa.String(8), nullable=False),
        sa.Column("places", sa.Boolean, nullable=False),
        sa.Column("body", sa.Boolean, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger),
        sa.Column("used_at", sa.BigInteger),
        sa.Column("used_from", sa.String(64)),
        sa.UniqueConstraint("athlete", "name"),
        if_not_exists=True,
    )
