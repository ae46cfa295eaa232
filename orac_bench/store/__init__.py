"""Where every round is kept. The one home of SQLModel, SQLAlchemy, Alembic and pandas.

`store.py` takes records in and gives records out, `schema.py` opens and upgrades the file, `tables.py` says what is in
it, `export.py` and `exchange.py` turn runs into text and back.
"""
