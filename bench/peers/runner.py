"""Runs the plan of one data set and rank: first every λ, then the ladder of the best one.

Systems alternate in every round, so that a slow minute of a shared machine meets all of them.
"""
from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import numpy

from peers.factors import predictions_of, rmse, rows_of
from peers.figures import Run, best_reg
from peers.splits import Split, read_ratings
from peers.systems import System, thread_environment

MOST_SECONDS = 3600


@dataclasses.dataclass(frozen=True)
class TestSet:
    """Test ratings with their rows among the ids of the training part; -1 for unseen ones."""
    users: numpy.ndarray
    items: numpy.ndarray
    values: numpy.ndarray

    @staticmethod
    def of(split: Split) -> TestSet:
        train, test = read_ratings(split.train), read_ratings(split.test)
        return TestSet(rows_of(test.users, numpy.unique(train.users)),
                       rows_of(test.items, numpy.unique(train.items)), test.values)

    def rmse_of(self, path: pathlib.Path) -> float:
        return rmse(predictions_of(path, self.users, self.items), self.values)


@dataclasses.dataclass
class Bench:
    """What all runs of a command share. failures: the reason, by system, of those that failed."""
    program: pathlib.Path
    threads: int
    repeats: int
    work: pathlib.Path
    failures: dict[str, str] = dataclasses.field(default_factory=dict)

    def run(self, system: System, split: Split, test: TestSet, rank: int, reg: float,
            epochs: int) -> Run | None:
        """One process; None where it failed, which is said and remembered."""
        job, result, factors = (self.work / name for name in
                                ("job.json", "result.json", "factors.npz"))
        job.write_text(json.dumps({
            "system": system.name, "train": str(split.train),
            "test": str(split.test), "rank": rank, "reg": reg,
            "epochs": epochs, "threads": self.threads, "program": str(self.program),
            "recommend": epochs == system.ladder[-1]}))
        for path in (result, factors):
            path.unlink(missing_ok=True)
        failure = self.failure_of([sys.executable, "-W", "ignore", "-m", "peers.worker", str(job),
                                   str(result), str(factors)], system)
        if failure is not None:
            self.failures[system.name] = failure
            print(f"bench-peers: {system.name}: {failure}", file=sys.stderr, flush=True)
            return None
        seen = json.loads(result.read_text())
        run = record(system, reg, epochs, seen, test.rmse_of(factors) if system.rates else None)
        error = "" if run.test_rmse is None else f", test RMSE {run.test_rmse:.4f}"
        print(f"bench-peers: k {rank}  {system.name} λ {reg:g}, {epochs} epochs: "
              f"{run.fit_cpu_seconds:.2f} CPU s{error}", file=sys.stderr, flush=True)
        return run

    def failure_of(self, command: list[str], system: System) -> str | None:
        """Runs a command; None, or the last line of what it said where it failed."""
        environment = os.environ | thread_environment(system, self.threads) | {
            "PYTHONPATH": str(pathlib.Path(__file__).resolve().parents[1])}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True,
                                  timeout=MOST_SECONDS)
        except subprocess.TimeoutExpired:
            return f"not done within {MOST_SECONDS} s"
        if done.returncode == 0:
            return None
        # Java's stack, indented, comes after the reason.
        lines = [line for line in done.stderr.splitlines() if line[:1].strip()]
        return lines[-1] if lines else f"ended with {done.returncode}"

    def measure(self, systems: list[System], split: Split, test: TestSet,
                rank: int) -> dict[str, list[Run]]:
        """All runs of a rank, by system; those of a system that failed are left out."""
        runs: dict[str, list[Run]] = {system.name: [] for system in systems}

        def add(system: System, reg: float, epochs: int) -> None:
            if system.name not in self.failures:
                run = self.run(system, split, test, rank, reg, epochs)
                if run is not None:
                    runs[system.name].append(run)

        for index in range(max(len(system.grid) for system in systems)):
            for system in systems:
                if index < len(system.grid) and (system.rates or index == len(system.grid) // 2):
                    add(system, system.grid[index], system.ladder[-1])
        for repeat in range(self.repeats):
            # The grid's fit of the best λ was the longest fit's first repeat.
            for system, epochs in rungs(systems, longest=repeat > 0):
                if runs[system.name]:
                    add(system, best_reg(runs[system.name]), epochs)
        return {name: own for name, own in runs.items() if own and name not in self.failures}


def rungs(systems: list[System], longest: bool) -> list[tuple[System, int]]:
    """Every rung of every ladder, systems alternating; the longest fits only where asked for."""
    order = []
    for step in range(max(len(system.ladder) for system in systems)):
        for system in systems:
            own = system.ladder if longest else system.ladder[:-1]
            if step < len(own):
                order.append((system, own[step]))
    return order


def record(system: System, reg: float, epochs: int, seen: dict, test_rmse: float | None) -> Run:
    """A run as a worker's result and the error that was computed of it."""
    recommend = seen.get("recommend", {})
    return Run(system.name, reg, epochs, seen["load"]["wall_seconds"],
               seen["load"]["cpu_seconds"], seen["fit"]["wall_seconds"],
               seen["fit"]["cpu_seconds"], seen["peak_bytes"], test_rmse,
               recommend.get("wall_seconds"), recommend.get("cpu_seconds"))
