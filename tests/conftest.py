"""Settings for all tests."""

from __future__ import annotations

import gc
import getpass
import os
import signal
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests import auditing, explored, sampled, seed
from tests.servers import fixture as of_servers
from tests.servers.fixture import servers as servers  # noqa: PLC0414 - a fixture for all tests

# What is imported and collected stays until the end. Going through it for garbage again and again is more than half of
# the work of collecting ten thousand tests, and slows all of them: see `pytest_collection_finish`.
gc.disable()

# Lakes under test share what is made of check files, also from one session to the next, and not with the user's own:
# it is named by the text of our compiler too. Audits without that stand in tests/expectations.
os.environ["XDG_CACHE_HOME"] = str(Path(tempfile.gettempdir(), f"lakeflow-tests-{getpass.getuser()}"))
os.environ["XDG_STATE_HOME"] = str(Path(tempfile.gettempdir(), f"lakeflow-tests-state-{getpass.getuser()}"))

# A shared machine may be slow, so no example has a deadline. CI draws the same examples each time: a find of chance
# belongs to whoever explores, not to the next person's change.
settings.register_profile(
    "explore",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=explored.examples(explored.DEFAULT),
)
settings.register_profile("ci", settings.get_profile("explore"), derandomize=True, database=None)
# A mutant is killed by the first example that fails, however large.
settings.register_profile("mutate", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate])
settings.load_profile("ci" if os.environ.get("CI") else "explore")

# What runs under nohup, in the background of a shell or on some CI runners ignores Ctrl-C, and so does all that it
# starts: the tests of Ctrl-C would wait for nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The workers of lakes that tests open are forks of a process that has imported everything.
seed.grow()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    explored.mark(items)
    sampled.mark(items)
    of_servers.mark(items)
    yield  # here pytest leaves out what the command did not ask for
    sampled.keep(config, items)


def pytest_collection_finish() -> None:
    """When all is imported that the tests of this session need."""
    gc.freeze()
    gc.enable()
    auditing.grow()


@pytest.fixture
def whole_processes() -> Iterator[None]:
    """The workers of lakes start as they do for a user: for tests of how they start, end and die."""
    with seed.whole():
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """What a module makes once is made once: all its tests go to one process. pytest-xdist's own groups (up to 3.8) are
    told by a name that pytest 9.2 no longer asks for.
    """
    from xdist.scheduler import LoadScopeScheduling

    def unit(nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if _makes_once(config.rootpath / module) else nodeid

    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = unit
    return scheduler


@cache
def _makes_once(module: Path) -> bool:
    return 'scope="module"' in module.read_text(encoding="utf-8")
