"""The whole run: start the apps, each on its own file, compare, time in rounds, report."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import data, machine
from benchmarks.figures import Results
from benchmarks.load import require_wrk
from benchmarks.progress import Progress
from benchmarks.server import BenchmarkError, Server
from benchmarks.work import WORK
from benchmarks.writes import report
from benchmarks.writes.catalog import APPS, App
from benchmarks.writes.compare import compare, compare_files
from benchmarks.writes.measure import measure, put_load, write_requests
from benchmarks.writes.operations import BULK, OPERATIONS, SIZE

WARM_UP_SECONDS = 1


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of a run."""
    apps, operations = [app.name for app in APPS], [one.name for one in OPERATIONS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.writes", description=__doc__)
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
    parser.add_argument("--check", action="store_true", help="only compare")
    parser.add_argument(
        "--output",
        type=Path,
        help="folder of the results (default: benchmarks/; partial runs: .work)",
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.seconds = 1, 1
    if options.output is None:
        whole = not options.quick and options.apps == apps and options.ops == operations
        options.output = Path(__file__).parent.parent if whole else WORK
    return options


def database_of(app: App) -> Path:
    """The file that an app writes to."""
    return WORK / f"writes-{app.name}.sqlite"


def fresh(app: App, template: Path) -> Path:
    """Give an app a new copy of the data."""
    path = database_of(app)
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(template, path)
    return path


def start(apps: Sequence[App], stack: ExitStack) -> list[Server]:
    """Start all apps, each on its port and its file, and wait until each answers."""
    template = WORK / "writes.sqlite"
    data.seed(template, SIZE)
    servers = []
    for app in apps:
        server = Server(app, fresh(app, template), f"writes-{app.name}")
        stack.callback(server.stop)
        servers.append(server)
    for server in servers:
        server.wait_ready(server.app.urls["point"].format(n=1))
    return servers


def run(options: argparse.Namespace) -> None:
    """Do what the options say."""
    require_wrk()
    apps = [app for app in APPS if app.name in options.apps]
    operations = [one for one in OPERATIONS if one.name in options.ops]
    results = Results()
    steps = len(apps) * (len(operations) * options.rounds + len(operations)) + 2
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(steps))
        progress.step("starting the apps")
        servers = start(apps, stack)
        progress.step("comparing what they do")
        compare(servers, options.samples)
        compare_files([database_of(app) for app in apps])
        if options.check:
            return
        for operation in operations:
            if operation == BULK:
                continue
            write_requests(operation)
            for server in servers:
                progress.step(f"warming up {operation.name}: {server.app.name}")
                put_load(server, database_of(server.app), operation, WARM_UP_SECONDS, 0)
        for number in range(options.rounds):
            shift = number % len(servers)
            for operation in operations:
                for server in servers[shift:] + servers[:shift]:
                    progress.step(f"round {number + 1}, {operation.name}: {server.app.name}")
                    database = database_of(server.app)
                    figures = measure(server, database, operation, options.seconds, number + 1)
                    results.add(server.app.name, operation.name, figures)
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
        print("All write the same.")
    else:
        print((options.output / "RESULTS-writes.md").read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
