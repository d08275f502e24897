"""How long a lineage of 1,000 tables takes to be drawn: `python -m benchmarks.drawing`."""

from __future__ import annotations

import sys
from time import process_time

from lakeflow.core.drawing.forms import DRAWINGS
from tests.drawing.pictures import random_drawing

if __name__ == "__main__":
    drawing = random_drawing(1_000)
    for name, draw in DRAWINGS.items():
        started = process_time()
        size = len(draw(drawing).encode())
        sys.stdout.write(f"{name}: {process_time() - started:.2f} s, {size / 1_000:,.0f} kB\n")
