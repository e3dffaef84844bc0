"""Does the size of the table matter? The same reads of a thousand and of a million tasks."""

import argparse
import random
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks import data
from benchmarks.catalog import APPS, App
from benchmarks.compare import walk_cursors
from benchmarks.figures import Figures, Results
from benchmarks.load import require_wrk
from benchmarks.measure import measure, put_load, write_paths
from benchmarks.operations import OPERATIONS, page_ends
from benchmarks.progress import Progress
from benchmarks.server import BenchmarkError, Server
from benchmarks.work import WORK

SMALL, LARGE = 1_000, 1_000_000
PAGES = {SMALL: 10, LARGE: 4_000}
MEASURED = [operation for operation in OPERATIONS if operation.name in ("point", "cursor")]
WARM_UP_SECONDS = 1
WANTED = 1.5


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of a run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--app", choices=[app.name for app in APPS], default="hekla")
    return parser.parse_args(arguments)


def start(app: App, tasks: int) -> Server:
    """Return a server of `app` on a file with `tasks` tasks, and write its paths."""
    path = WORK / f"tasks-{tasks}.sqlite"
    data.seed(path, data.Size(tasks=tasks, users=1_000, comments=1_000))
    server = Server(app, path, f"{app.name}-{tasks}")
    try:
        server.wait_ready(app.urls["point"].format(n=1))
        ends = page_ends(path, PAGES[tasks])
        tokens = walk_cursors(server, ends) if "{token}" in app.urls["cursor"] else {}
        chance = random.Random(tasks)
        asked = {
            "point": [chance.randint(1, tasks) for _ in range(20_000)],
            "cursor": chance.choices(ends, k=5_000),
        }
        for operation in MEASURED:
            write_paths(server, operation, asked[operation.name], tokens)
    except BaseException:
        server.stop()
        raise
    return server


def run(options: argparse.Namespace) -> Results:
    """Measure both sizes in interleaved rounds."""
    require_wrk()
    app = next(app for app in APPS if app.name == options.app)
    results = Results()
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(options.rounds * len(MEASURED) * 2 + 2))
        servers = []
        for tasks in (SMALL, LARGE):
            progress.step(f"seeding {tasks:,} tasks")
            servers.append(start(app, tasks))
            stack.callback(servers[-1].stop)
        for server in servers:
            for operation in MEASURED:
                put_load(server, operation, WARM_UP_SECONDS, 0)
        for number in range(options.rounds):
            for operation in MEASURED:
                for server in servers if number % 2 else servers[::-1]:
                    progress.step(f"round {number + 1}, {operation.name}: {server.name}")
                    figures = measure(server, operation, options.seconds, number * 3_001)
                    results.add(server.name, operation.name, figures)
    return results


def slowdown(small: Figures, large: Figures) -> float:
    """Return how many times slower the large table is, by the worse of rate and CPU."""
    return max(
        small.requests_per_second / large.requests_per_second,
        large.cpu_microseconds / small.cpu_microseconds,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the sizes; return 1 when a million rows are more than 1.5 times slower."""
    options = parse_arguments(arguments)
    try:
        results = run(options)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"| | {SMALL:,} tasks | {LARGE:,} tasks | CPU µs | CPU µs | times slower | |")
    print("|---|---:|---:|---:|---:|---:|---|")
    missed = False
    for operation in MEASURED:
        small = results.median(f"{options.app}-{SMALL}", operation.name)
        large = results.median(f"{options.app}-{LARGE}", operation.name)
        if small is None or large is None:
            continue
        times = slowdown(small, large)
        missed = missed or times > WANTED
        print(
            f"| {operation.title} | {small.requests_per_second:,.0f}/s"
            f" | {large.requests_per_second:,.0f}/s | {small.cpu_microseconds:.0f}"
            f" | {large.cpu_microseconds:.0f} | {times:.2f}"
            f" | {'missed' if times > WANTED else 'met'}: at most {WANTED} |"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
