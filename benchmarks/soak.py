"""Does memory grow? Minutes of mixed and hostile load, and exports of a million rows."""

import argparse
import http.client
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks import data
from benchmarks.catalog import APPS
from benchmarks.compare import path_of, walk_cursors
from benchmarks.exports import check_exports
from benchmarks.growth import Memory, watch
from benchmarks.hostile import hostile_paths
from benchmarks.load import require_wrk, run_load
from benchmarks.operations import numbers, page_ends
from benchmarks.server import BenchmarkError, Server
from benchmarks.work import WORK, database_path

HEKLA = next(app for app in APPS if app.name == "hekla")
# How often each operation is asked for, of a thousand.
MIX = {"point": 500, "offset": 120, "cursor": 120, "detail": 160, "page": 99, "aggregate": 1}
STRETCH_SECONDS = 10


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of a run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--hostile", type=int, default=2, help="threads of hostile queries")
    parser.add_argument(
        "--warm-up",
        type=int,
        default=6_000,
        help="hostile queries that fill the caches before memory is judged",
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each export")
    parser.add_argument("--only", choices=["load", "export"], help="one of the two parts")
    return parser.parse_args(arguments)


class Hostility:
    """Threads that send hostile queries, and count the answers by status."""

    def __init__(self, server: Server, threads: int) -> None:
        self.statuses: Counter[int] = Counter()
        self.broken = ""
        self._server = server
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(seed,), daemon=True) for seed in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, seed: int) -> None:
        try:
            self._send(seed)
        except Exception as error:  # noqa: BLE001 - a thread that ends early must not go unseen
            self.broken = f"the sender failed: {error!r}"

    def _send(self, seed: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        for path in hostile_paths(seed):
            if self._stop.is_set():
                break
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                self.broken = f"GET {path}: {error!r}"
                connection.close()
                time.sleep(0.05)
                continue
            self.statuses[response.status] += 1
            if response.status == 500:
                self.broken = f"GET {path} answered 500"
        connection.close()

    def stop(self) -> None:
        """End the threads."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


def write_mix(server: Server) -> None:
    """Write the paths of the mixed load."""
    ends = page_ends(database_path(), 200)
    tokens = walk_cursors(server, ends)
    chance = random.Random(7)
    asked = {operation: numbers(operation, ends) for operation in MIX}
    lines = [
        path_of(server.app, operation, chance.choice(asked[operation]), tokens)
        for operation in chance.choices(list(MIX), weights=list(MIX.values()), k=20_000)
    ]
    (WORK / "mix.paths").write_text("\n".join(lines) + "\n")


def soak(minutes: float, threads: int, warm_up: int) -> list[str]:
    """Put mixed and hostile load on Hekla; return what is wrong.

    Bounded caches grow until they are full, so they are filled before memory is judged.
    """
    data.seed(database_path())
    problems: list[str] = []
    with ExitStack() as stack:
        server = Server(HEKLA, database_path(), "hekla-soak")
        stack.callback(server.stop)
        server.wait_ready(HEKLA.urls["point"].format(n=1))
        write_mix(server)
        hostility = Hostility(server, threads)
        stack.callback(hostility.stop)
        while sum(hostility.statuses.values()) < warm_up and not hostility.broken:
            time.sleep(0.1)
        memory = Memory()
        requests = 0
        end = time.monotonic() + minutes * 60
        with watch(server, memory, interval=0.5):
            while time.monotonic() < end:
                found = run_load(server.url, WORK / "mix.paths", STRETCH_SECONDS, requests)
                requests += found.requests
                if found.errors:
                    problems.append(f"{found.errors} of {found.requests} requests failed")
        hostility.stop()
    sent = sum(hostility.statuses.values())
    print(f"Mixed load: {requests:,} requests in {minutes:g} min; {memory.summary()}")
    print(f"Hostile queries: {sent:,}; by status: {dict(sorted(hostility.statuses.items()))}")
    if hostility.broken:
        problems.append(f"hostile query: {hostility.broken}")
    if not any(200 <= status < 300 for status in hostility.statuses):
        problems.append("no hostile query was answered: they are not what they should be")
    if memory.grows():
        problems.append(f"memory grows under load: {memory.summary()}")
    return problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both parts; return 1 when memory grows or an answer is wrong."""
    options = parse_arguments(arguments)
    problems: list[str] = []
    try:
        require_wrk()
        if options.only != "export":
            problems += soak(options.minutes, options.hostile, options.warm_up)
        if options.only != "load":
            problems += check_exports(HEKLA, options.rows)
    except BenchmarkError as error:
        problems.append(str(error))
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if not problems:
        print("Memory does not grow.")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
