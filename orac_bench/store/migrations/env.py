"""Run by Alembic, and by nothing else: one upgrade on the connection that `schema.upgrade` gives.

Foreign keys are off while tables are rebuilt, as SQLite empties the children of a table that is dropped and made anew;
all of them are checked before the transaction ends.
"""

from __future__ import annotations

from alembic import context

from orac_bench.errors import StoreError
from orac_bench.store.tables import RunRow

connection = context.config.attributes["connection"]
sqlite = connection.dialect.name == "sqlite"
if sqlite and connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
    raise StoreError("Foreign keys are on; a rebuilt table would lose its children. Nothing was changed.")
context.configure(connection=connection, target_metadata=RunRow.metadata, render_as_batch=True, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
if sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()):
    raise StoreError(
        f"After the upgrade {len(broken)} rows would point nowhere, the first in {broken[0][0]}; nothing was changed.",
        next="See what is wrong with `orac db check`.",
    )
