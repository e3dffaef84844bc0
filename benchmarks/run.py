"""The whole run: start the apps, compare their answers, time them in rounds, report."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import data, machine, report
from benchmarks.catalog import APPS, App
from benchmarks.compare import Tokens, compare, walk_cursors
from benchmarks.figures import Results
from benchmarks.load import require_wrk
from benchmarks.measure import measure, put_load, write_paths
from benchmarks.operations import OPERATIONS, numbers, page_ends, samples
from benchmarks.progress import Progress
from benchmarks.server import BenchmarkError, Server
from benchmarks.work import WORK, database_path

CURSOR_PAGES = 400
WARM_UP_SECONDS = 1
SKIP_PER_ROUND = 3_001


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of a run."""
    apps, operations = [app.name for app in APPS], [one.name for one in OPERATIONS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="timed rounds (default 4)")
    parser.add_argument(
        "--seconds", type=float, default=2, help="seconds of each timed window (default 2)"
    )
    parser.add_argument("--apps", nargs="+", choices=apps, default=apps, metavar="APP")
    parser.add_argument(
        "--ops", nargs="+", choices=operations, default=operations, metavar="OPERATION"
    )
    parser.add_argument("--samples", type=int, default=20, help="answers compared of each")
    parser.add_argument("--quick", action="store_true", help="one round of one second")
    parser.add_argument("--check", action="store_true", help="only compare the answers")
    parser.add_argument(
        "--output",
        type=Path,
        help="folder of the results (default: beside this module; partial runs: .work)",
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.seconds = 1, 1
    if options.output is None:
        whole = not options.quick and options.apps == apps and options.ops == operations
        options.output = Path(__file__).parent if whole else WORK
    return options


def start(apps: Sequence[App], stack: ExitStack) -> list[Server]:
    """Start all apps, each on its port, and wait until each answers."""
    database = database_path()
    servers = []
    for app in apps:
        server = Server(app, database)
        stack.callback(server.stop)
        servers.append(server)
    for server in servers:
        server.wait_ready(server.app.urls["point"].format(n=1))
    return servers


def cursor_tokens(servers: Sequence[Server], ends: Sequence[int]) -> Tokens:
    """Return Hekla's cursors, if Hekla takes part."""
    for server in servers:
        if "{token}" in server.app.urls["cursor"]:
            return walk_cursors(server, ends)
    return {}


def run(options: argparse.Namespace) -> None:
    """Do what the options say."""
    require_wrk()
    data.seed(database_path())
    apps = [app for app in APPS if app.name in options.apps]
    operations = [one for one in OPERATIONS if one.name in options.ops]
    results = Results()
    windows = len(apps) * len(operations)
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(windows * (options.rounds + 1) + 2))
        progress.step("starting the apps")
        servers = start(apps, stack)
        progress.step("comparing the answers")
        ends = page_ends(database_path(), CURSOR_PAGES)
        tokens = cursor_tokens(servers, ends) if "cursor" in options.ops else {}
        for operation in operations:
            asked = samples(operation.name, ends, options.samples)
            compare(servers, operation, asked, tokens)
        if options.check:
            return
        for operation in operations:
            asked = numbers(operation.name, ends)
            for server in servers:
                write_paths(server, operation, asked, tokens)
        for operation in operations:
            for server in servers:
                progress.step(f"warming up {operation.name}: {server.name}")
                put_load(server, operation, WARM_UP_SECONDS, 0)
                server.settle()
        for number in range(options.rounds):
            shift = number % len(servers)
            for operation in operations:
                for server in servers[shift:] + servers[:shift]:
                    progress.step(f"round {number + 1}, {operation.name}: {server.name}")
                    figures = measure(server, operation, options.seconds, number * SKIP_PER_ROUND)
                    results.add(server.name, operation.name, figures)
    report.write(options.output, machine.describe(), vars(options), results)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; return the exit code."""
    options = parse_arguments(arguments)
    try:
        run(options)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if options.check:
        print("All answers are equal.")
    else:
        print((options.output / "RESULTS.md").read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
