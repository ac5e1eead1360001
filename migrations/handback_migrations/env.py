"""Run by Alembic: every version in the one transaction that `schema` opened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

connection = context.config.attributes["connection"]
assert isinstance(connection, sa.Connection), "versions are applied by handback_migrations alone"
context.configure(connection=connection, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
