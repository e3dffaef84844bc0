"""The report: `RESULTS.md` with its tables and verdicts, the chart, and the raw figures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.catalog import APPS, App
from benchmarks.chart import chart
from benchmarks.figures import Figures, Results, ratio
from benchmarks.load import CONNECTIONS
from benchmarks.operations import OPERATIONS, Operation
from benchmarks.targets import verdicts

HEAD = (
    "| | requests/s | CPU µs/request | p50 ms | p99 ms | peak MB"
    " | of the limit | of the limit, by CPU | Hekla is × | Hekla is ×, by CPU |"
)
RULE = "|---|" + "---:|" * 9


def write(
    folder: Path, facts: Mapping[str, str], options: Mapping[str, Any], results: Results
) -> None:
    """Write `RESULTS.md`, `results.svg` and `results.json` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "rounds": options["rounds"],
        "seconds": options["seconds"],
        "connections": CONNECTIONS,
    }
    raw = {"machine": dict(facts), "settings": settings, "windows": results.as_json()}
    (folder / "results.json").write_text(json.dumps(raw, indent=1) + "\n")
    (folder / "results.svg").write_text(chart(results))
    (folder / "RESULTS.md").write_text(markdown(facts, settings, results))


def markdown(facts: Mapping[str, str], settings: Mapping[str, Any], results: Results) -> str:
    """Return the text of `RESULTS.md`."""
    introduction = (
        "Written by `make bench` (`python -m benchmarks"
        f" --rounds {settings['rounds']} --seconds {settings['seconds']:g}`):"
        f" {settings['connections']} connections, one worker process each, the medians of"
        " interleaved rounds. [README.md](README.md) says what is measured and how to read it."
        " Take the ratios, not the rates: those are of one machine."
    )
    parts = [
        "# Results",
        introduction,
        "![Requests a second, by operation](results.svg)",
    ]
    lines = [f"- {verdict.line}" for verdict in verdicts(results)]
    if lines:
        parts += ["## Targets", "\n".join(lines)]
    for operation in OPERATIONS:
        rows = table(operation, results)
        if rows:
            parts += [f"## {operation.title}", "\n".join([HEAD, RULE, *rows])]
    parts += ["## Machine", "\n".join(f"- {name}: {fact}" for name, fact in facts.items())]
    return "\n\n".join(parts) + "\n"


def table(operation: Operation, results: Results, apps: Sequence[App] = APPS) -> list[str]:
    """Return a row for each app that performed `operation`."""
    hekla = results.median("hekla", operation.name)
    limit = results.median("limit", operation.name)
    return [
        row(app.title, figures, limit, None if app.name == "hekla" else hekla)
        for app in apps
        if (figures := results.median(app.name, operation.name)) is not None
    ]


def row(title: str, figures: Figures, limit: Figures | None, hekla: Figures | None) -> str:
    """Return one row; a ratio that this run has no figures for stays empty."""
    cells = [
        title,
        f"{figures.requests_per_second:,.0f}",
        f"{figures.cpu_microseconds:,.0f}",
        f"{figures.p50_milliseconds:,.2f}",
        f"{figures.p99_milliseconds:,.2f}",
        f"{figures.peak_megabytes:,.0f}",
    ]
    if limit is None:
        cells += ["", ""]
    else:
        share = ratio(figures, limit)
        cells += [f"{share.throughput:.3f}", f"{share.cpu:.3f}"]
    if hekla is None:
        cells += ["", ""]
    else:
        times = ratio(hekla, figures)
        cells += [f"{times.throughput:.2f}", f"{times.cpu:.2f}"]
    return "| " + " | ".join(cells) + " |"
