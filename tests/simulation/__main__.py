"""`python -m tests.simulation`: run histories, replay one, or look whether every removed guard is found."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

# A history told by its seed is the same in every process.
HASH_SEED = "0"
PROCESSES = 2
GUARD_SEEDS = 500


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--histories", type=int, default=10_000, help="how many (default 10000)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--guards", action="store_true", help="remove each guard and look who is found")
    parser.add_argument(
        "--only", default="", help="with --guards: those whose name contains one of these, commas between"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="print every step")
    options = parser.parse_args(arguments)
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        os.environ["PYTHONHASHSEED"] = HASH_SEED
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *arguments])
    _django_start()
    return _guards_find(options) if options.guards else _histories_run(options)


def _django_start() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "erp.settings.test"
    os.environ["DATABASE_URL"] = "sqlite://:memory:"
    import django

    django.setup()
    logging.disable(logging.CRITICAL)


def _histories_run(options: argparse.Namespace) -> int:
    from tests.simulation.history import History
    from tests.simulation.world import world

    monotonic, failed = time.monotonic, 0
    with world() as made:
        if options.verbose:
            made.baton.log = print
        seeds = range(options.seed, options.seed + options.histories)
        begun = monotonic()
        for seed, problems in _shared(seeds, lambda seed: History(made, seed).run()):
            failed += bool(problems)
            for problem in problems:
                print(f"seed {seed}: {problem}", flush=True)
        seconds = monotonic() - begun
    print(f"histories={len(seeds)} failed={failed} seconds={seconds:.1f} a_second={len(seeds) / seconds:.1f}")
    return 1 if failed else 0


def _guards_find(options: argparse.Namespace) -> int:
    from tests.simulation.guards import GUARDS
    from tests.simulation.history import History
    from tests.simulation.world import world

    def found(name: str) -> tuple[int, str] | None:
        theme, removal = GUARDS[name]
        with removal():
            for seed in range(options.seed, options.seed + GUARD_SEEDS):
                if problems := History(made, seed, theme).run():
                    return seed, problems[0]
        return None

    with world() as made:
        names = [name for name in GUARDS if any(part in name for part in options.only.split(","))]
        missed = 0
        for name, finding in _shared(names, found):
            missed += finding is None
            print(
                f"{name}\t" + ("NOT FOUND" if finding is None else f"seed {finding[0]}\t{finding[1]}"),
                flush=True,
            )
    return 1 if missed else 0


def _shared(things: Sequence[Any], work: Any) -> Iterator[tuple[Any, Any]]:
    """`work` of each thing, by two processes that have the world already."""
    if len(things) == 1:
        yield things[0], work(things[0])
        return
    fork = multiprocessing.get_context("fork")
    results: Any = fork.Queue()

    def run(place: int) -> None:
        for thing in things[place::PROCESSES]:
            results.put((thing, work(thing)))

    workers = [fork.Process(target=run, args=(place,), daemon=True) for place in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for _ in things:
        yield results.get()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
