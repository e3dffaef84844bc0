"""The targets that Hekla's writes are judged by, in one run."""

from benchmarks.figures import Results, ratio
from benchmarks.targets import Verdict
from benchmarks.writes.operations import CREATE, MIXED, UPDATE

LIMIT_SHARE = 0.70
TIMES = {CREATE: 20.0, UPDATE: 20.0, MIXED: 12.0}
SHARED = (CREATE, UPDATE)


def verdicts(results: Results) -> list[Verdict]:
    """Return a verdict for each target that this run has the figures for."""
    found = []
    for operation, times in TIMES.items():
        hekla = results.median("hekla", operation.name)
        limit = results.median("limit", operation.name)
        fastapi = results.median("fastapi-async", operation.name)
        if hekla is not None and fastapi is not None:
            target = f"{operation.title}: at least {times:.0f} times FastAPI async"
            found.append(Verdict(target, times, ratio(hekla, fastapi)))
        if operation in SHARED and hekla is not None and limit is not None:
            target = f"{operation.title}: at least {LIMIT_SHARE:.2f} of the limit"
            found.append(Verdict(target, LIMIT_SHARE, ratio(hekla, limit)))
    return found
