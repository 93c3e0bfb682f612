"""What is made of the runs: medians, seconds per epoch, CPU seconds to an error, ratios.

Pure functions of recorded runs, so that they are tested without running anything.
"""
from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Sequence


@dataclasses.dataclass(frozen=True)
class Run:
    """One process: what was asked, what it took, and the test RMSE of what it learned."""
    system: str
    reg: float
    epochs: int
    load_wall_seconds: float
    load_cpu_seconds: float
    fit_wall_seconds: float
    fit_cpu_seconds: float
    peak_bytes: int
    test_rmse: float | None
    recommend_wall_seconds: float | None = None
    recommend_cpu_seconds: float | None = None


@dataclasses.dataclass(frozen=True)
class Point:
    """A number of epochs trained from the start: medians over the repeats."""
    epochs: int
    cpu_seconds: float
    wall_seconds: float
    test_rmse: float


def best_reg(runs: Iterable[Run]) -> float:
    """λ of the lowest test RMSE; where none predicts ratings, the λ in the middle."""
    runs = list(runs)
    rated = [run for run in runs if run.test_rmse is not None]
    if not rated:
        return sorted(run.reg for run in runs)[len(runs) // 2]
    return min(rated, key=lambda run: run.test_rmse).reg


def best_rmse(runs: Iterable[Run]) -> float | None:
    """The lowest test RMSE of any λ and any number of epochs; None where nothing is predicted."""
    return min((run.test_rmse for run in runs if run.test_rmse is not None), default=None)


def median_of(runs: Sequence[Run], field: str) -> float | None:
    values = [getattr(run, field) for run in runs if getattr(run, field) is not None]
    return statistics.median(values) if values else None


def ladder(runs: Iterable[Run], reg: float) -> list[Point]:
    """The points of one λ in ascending epochs."""
    steps: dict[int, list[Run]] = {}
    for run in runs:
        if run.reg == reg and run.test_rmse is not None:
            steps.setdefault(run.epochs, []).append(run)
    return [Point(epochs, statistics.median(run.fit_cpu_seconds for run in steps[epochs]),
                  statistics.median(run.fit_wall_seconds for run in steps[epochs]),
                  statistics.median(run.test_rmse for run in steps[epochs]))
            for epochs in sorted(steps)]


def cpu_seconds_to(points: Sequence[Point], target: float) -> float | None:
    """CPU seconds until the test RMSE is at or below the target; None where it never is.

    Between two numbers of epochs the error is taken to fall in a straight line, so that a ladder
    of few steps costs a system nothing. At the first step the whole of it counts.
    """
    before: Point | None = None
    for point in points:
        if point.test_rmse <= target:
            if before is None:
                return point.cpu_seconds
            share = (before.test_rmse - target) / (before.test_rmse - point.test_rmse)
            return before.cpu_seconds + share * (point.cpu_seconds - before.cpu_seconds)
        before = point
    return None


def seconds_per_epoch(runs: Iterable[Run], reg: float, field: str) -> float | None:
    """The slope between the shortest and the longest fit, so that what is once is left out."""
    own = [run for run in runs if run.reg == reg]
    few, many = min(run.epochs for run in own), max(run.epochs for run in own)
    if few == many:
        return None
    short, long = (statistics.median(getattr(run, field) for run in own if run.epochs == epochs)
                   for epochs in (few, many))
    return (long - short) / (many - few)


def fewer_times(peer: float | None, own: float | None) -> float | None:
    """How many times fewer seconds we take than the peer."""
    return peer / own if peer is not None and own else None
