"""What is mutated of a module beside its functions: each of its statements, where it stands."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from lakeflow.core.ports.database import Statement, sql
from tests.mutation.mutants import of_sql


def test_a_statement_is_changed_for_whoever_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("a_module_with_sql")
    held: Statement = sql("delete from t where a = :a and b = :b")
    vars(module).update(REMOVE=held, OTHER=5)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    mutants = list(of_sql(module, {"REMOVE": frozenset({"remove"})}))
    assert {mutant.name.split("#")[0] for mutant in mutants} == {"REMOVE"}
    assert len({mutant.sql for mutant in mutants}) == len(mutants) >= 4
    assert {mutant.reached_by for mutant in mutants} == {frozenset({"remove"})}
    mutants[0].apply()
    assert held.text == mutants[0].sql != "delete from t where a = :a and b = :b"
