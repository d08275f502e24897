"""How a service stands, as Prometheus reads it and as a health check asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from lakeflow.core.serve.view import ServedAsset
from lakeflow.core.view.rows import Health
from lakeflow.serve.loop import Pulse

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
Samples = Iterable[tuple[Mapping[str, str], float]]


def metrics(pulse: Pulse, now: datetime) -> str:
    """The exposition format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/)."""
    return "".join(f"{line}\n" for line in _lines(pulse, now))


def health(pulse: Pulse, now: datetime, patience: timedelta) -> dict[str, Any]:
    """`ok`, or `degraded` with the reason: something is wrong with project or lake, or the loop is stuck."""
    fault = pulse.fault
    last = pulse.looked_at or pulse.started_at
    if not fault and not pulse.at_work and now - last > patience:
        fault = f"nobody has looked at the lake since {last:%Y-%m-%d %H:%M:%S} UTC"
    return {
        "status": "degraded" if fault else "ok",
        "fault": fault or None,
        "at_work": pulse.at_work or None,
        "looked_at": pulse.looked_at and pulse.looked_at.isoformat(),
    }


def _lines(pulse: Pulse, now: datetime) -> Iterator[str]:
    assets = pulse.lake.assets.values()
    yield from _family(
        "serve_up", "gauge", "1 while the lake is kept, 0 while a fault hinders it.", [({}, not pulse.fault)]
    )
    yield from _family("serve_at_work", "gauge", "1 while a run is at work.", [({}, bool(pulse.at_work))])
    yield from _family("serve_looks_total", "counter", "Looks at the lake.", [({}, pulse.looks)])
    runs = [({"state": state}, number) for state, number in sorted(pulse.runs.items())]
    yield from _family("serve_runs_total", "counter", "Runs by their end.", runs)
    yield from _family("serve_deadlines_missed_total", "counter", "Deadlines that passed.", [({}, pulse.missed)])
    looked: Samples = [({}, pulse.looked_at.timestamp())] if pulse.looked_at else []
    yield from _family("serve_last_look_timestamp_seconds", "gauge", "When the lake was looked at.", looked)
    stands = [({"asset": str(one.asset), "health": h}, one.health is h) for one in assets for h in Health]
    yield from _family("asset_health", "gauge", "1 for the health in which the asset is.", stands)
    rows = [(_of(one), one.rows) for one in assets if one.rows is not None]
    yield from _family("asset_rows", "gauge", "Rows that readers see.", rows)
    ages = [(_of(one), (now - one.published_at).total_seconds()) for one in assets if one.published_at]
    yield from _family("asset_age_seconds", "gauge", "Time since the last publish.", ages)
    left = [(_of(one), min(due) - now.timestamp()) for one in assets if (due := _due(one))]
    yield from _family("asset_deadline_seconds", "gauge", "Time until it is late; negative: since when it is.", left)


def _of(asset: ServedAsset) -> dict[str, str]:
    return {"asset": str(asset.asset)}


def _due(asset: ServedAsset) -> list[float]:
    return [deadline.due.timestamp() for deadline in asset.deadlines if deadline.due is not None]


def _family(name: str, kind: str, help_: str, samples: Samples) -> Iterator[str]:
    yield f"# HELP lakeflow_{name} {help_}"
    yield f"# TYPE lakeflow_{name} {kind}"
    for labels, value in samples:
        said = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in labels.items())
        yield f"lakeflow_{name}{'{' + said + '}' if said else ''} {float(value)!r}"
