"""Sessions of browsers, links that log in once, and failed logins. Times are seconds since 1970."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "dashboard_sessions",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("csrf_token", sa.String(64), nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "dashboard_links",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "dashboard_attempts",
        sa.Column("client", sa.String(64), primary_key=True),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("open_at", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
