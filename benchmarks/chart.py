"""The chart: bars of requests a second on a log scale, as one small SVG."""

import math
from collections.abc import Sequence
from html import escape

from benchmarks.catalog import APPS, App
from benchmarks.figures import Results
from benchmarks.operations import OPERATIONS, Operation

WIDTH = 860
LABELS = 210
RIGHT = 70
BAR = 15
GAP = 3
TITLE = 34
COLOURS = {"hekla": "#d9480f", "limit": "#868e96"}
PEER = "#4c8ed9"

# Text takes the reader's colours where the viewer says which they are.
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#24292f}"
    ".title{font-weight:600;font-size:13px}"
    ".grid{stroke:#8888;stroke-width:.5}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}"
)


def chart(
    results: Results,
    apps: Sequence[App] = APPS,
    operations: Sequence[Operation] = OPERATIONS,
) -> str:
    """Return the SVG text: a group of bars for each operation that was measured."""
    groups = [
        (operation.title, rows)
        for operation in operations
        if (rows := _rows(results, operation.name, apps))
    ]
    rates = [rate for _, rows in groups for _, _, rate in rows]
    low = 10 ** math.floor(math.log10(min(rates)))
    high = 10 ** math.ceil(math.log10(max(rates) * 1.0001))
    decades = math.log10(high / low)

    def length(rate: float) -> float:
        return math.log10(rate / low) / decades * (WIDTH - LABELS - RIGHT)

    parts: list[str] = []
    y = 8
    for title, rows in groups:
        parts.append(f'<text class="title" x="8" y="{y + 16}">{escape(title)}</text>')
        y += TITLE - 10
        bottom = y + len(rows) * (BAR + GAP)
        for power in range(round(decades) + 1):
            x = LABELS + length(low * 10**power)
            parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{bottom}"/>')
        for name, label, rate in rows:
            width = max(1.0, length(rate))
            middle = y + BAR - 3
            colour = COLOURS.get(name, PEER)
            parts.append(
                f'<text x="{LABELS - 8}" y="{middle}" text-anchor="end">{escape(label)}</text>'
                f'<rect x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"'
                f' fill="{colour}"/>'
                f'<text x="{LABELS + width + 6:.1f}" y="{middle}">{rate:,.0f}</text>'
            )
            y += BAR + GAP
        y += 12
    for power in range(round(decades) + 1):
        x = LABELS + length(low * 10**power)
        parts.append(
            f'<text x="{x:.1f}" y="{y + 6}" text-anchor="middle">{low * 10**power:,.0f}</text>'
        )
    parts.append(f'<text x="8" y="{y + 6}">Requests a second, log scale</text>')
    y += 18
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}"'
        f' width="{WIDTH}" height="{y}" role="img"'
        ' aria-label="Requests a second of each app, by operation, on a log scale">'
    )
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


def _rows(results: Results, operation: str, apps: Sequence[App]) -> list[tuple[str, str, float]]:
    return [
        (app.name, app.title, figures.requests_per_second)
        for app in apps
        if (figures := results.median(app.name, operation)) is not None
    ]
