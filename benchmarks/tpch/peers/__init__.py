"""The same SELECTs and checks by other tools, each from its own release in an environment of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.tpch.peers.dbt import DBT
from benchmarks.tpch.peers.peer import Peer
from benchmarks.tpch.peers.sqlmesh import SQLMESH

PEERS: Final[Mapping[str, Peer]] = {"dbt": DBT, "sqlmesh": SQLMESH}
