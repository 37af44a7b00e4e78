"""Accounts of a house with several athletes. A session of an account holds for as long as the account has the same stamp."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "dashboard_accounts",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("argon2", sa.String(255), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("athlete", sa.String(32)),
        sa.Column("blocked", sa.Boolean, nullable=False),
        sa.Column("stamp", sa.String(64), nullable=False, unique=True),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    known = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("dashboard_sessions")}
    if "stamp" not in known:
        op.add_column("dashboard_sessions", sa.Column("stamp", sa.String(64)))
