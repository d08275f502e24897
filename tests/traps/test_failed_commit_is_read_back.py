from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session


def test_a_connection_whose_commit_failed_still_shows_what_was_not_committed(tmp_path: Path) -> None:
    """SQLAlchemy's Session hands a connection back inside its transaction when COMMIT fails busy; we close it."""
    engine = create_engine(f"sqlite:///{tmp_path}/t.db", connect_args={"timeout": 0.05})
    with engine.begin() as connection:
        connection.execute(text("create table pointers (at text)"))
    reader = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    reader.execute("begin")
    reader.execute("select * from pointers").fetchall()

    def publish() -> None:
        with Session(engine) as session:
            session.execute(text("insert into pointers values ('new')"))
            session.commit()

    with pytest.raises(OperationalError, match="locked"):
        publish()
    with engine.connect() as connection:
        seen = connection.execute(text("select at from pointers")).scalars().all()
    engine.dispose()
    reader.close()
    assert seen == ["new"]
