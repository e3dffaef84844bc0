"""The targets Hekla is judged by, in one run, by requests a second and by CPU a request."""

from dataclasses import dataclass

from benchmarks.figures import Figures, Ratio, Results, ratio
from benchmarks.operations import OPERATIONS

LIMIT_SHARE = 0.75
FASTAPI = ("fastapi-sync", "fastapi-async")
FASTAPI_TIMES = {"point": 25.0, "offset": 8.0, "cursor": 8.0, "detail": 25.0, "page": 12.0}


@dataclass(frozen=True)
class Verdict:
    """One target, and how Hekla did."""

    target: str
    wanted: float
    reached: Ratio

    @property
    def met(self) -> bool:
        """Whether both ratios reach the target."""
        return min(self.reached.throughput, self.reached.cpu) >= self.wanted

    @property
    def line(self) -> str:
        """Return the verdict as one line of Markdown."""
        by = f"{self.reached.throughput:.2f} by throughput, {self.reached.cpu:.2f} by CPU"
        if self.met:
            return f"**met**: {self.target}: {by}"
        short = 1 - min(self.reached.throughput, self.reached.cpu) / self.wanted
        return f"**missed by {short:.0%}**: {self.target}: {by}"


def best(results: Results, apps: tuple[str, ...], operation: str) -> Figures | None:
    """Return the best of the apps' figures for an operation, each figure by itself."""
    found = [figures for app in apps if (figures := results.median(app, operation)) is not None]
    if not found:
        return None
    return Figures(
        max(figures.requests_per_second for figures in found),
        min(figures.cpu_microseconds for figures in found),
        min(figures.p50_milliseconds for figures in found),
        min(figures.p99_milliseconds for figures in found),
        min(figures.peak_megabytes for figures in found),
    )


def verdicts(results: Results) -> list[Verdict]:
    """Return a verdict for each target that this run has the figures for."""
    found = []
    for operation in OPERATIONS:
        hekla = results.median("hekla", operation.name)
        limit = results.median("limit", operation.name)
        fastapi = best(results, FASTAPI, operation.name)
        times = FASTAPI_TIMES.get(operation.name)
        if hekla is not None and limit is not None:
            target = f"{operation.title}: at least {LIMIT_SHARE:.2f} of the limit"
            found.append(Verdict(target, LIMIT_SHARE, ratio(hekla, limit)))
        if hekla is not None and fastapi is not None and times is not None:
            target = f"{operation.title}: at least {times:.0f} times the best FastAPI"
            found.append(Verdict(target, times, ratio(hekla, fastapi)))
    return found
