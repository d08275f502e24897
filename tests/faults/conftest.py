import pytest


@pytest.fixture(autouse=True)
def _whole(whole_processes: None) -> None:
    pass
