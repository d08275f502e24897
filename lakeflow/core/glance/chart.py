"""Numbers as a line: the points of a small drawing, from left to right."""

from __future__ import annotations

from collections.abc import Sequence

_EDGE = 2.0


def polyline(values: Sequence[float], width: float, height: float) -> str:
    """The points of an SVG polyline, the first value at the left. Equal values lie in the middle, as one line."""
    if not values:
        return ""
    low, high = min(values), max(values)
    span = high - low
    inner = height - 2 * _EDGE
    step = width / (len(values) - 1) if len(values) > 1 else 0.0
    heights = [_EDGE + (inner / 2 if not span else inner * (high - value) / span) for value in values]
    points = [(at * step, y) for at, y in enumerate(heights)]
    if len(points) == 1:
        points.append((width, points[0][1]))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
