"""`python -m tests.docs.executed` executes what it reads, as `python -c` would where it stands."""

from __future__ import annotations

import sys


def main() -> None:
    sys.path.insert(0, "")
    exec(compile(sys.stdin.read(), "<block>", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    main()
