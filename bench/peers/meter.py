"""CPU time and peak memory of processes, from Linux' /proc.

Only the standard library: this runs before anything large is imported. Threads' time is part of
their process's; a child that is still running (Spark's Java) is named by its id.
"""
from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import time
from collections.abc import Iterator, Sequence

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass
class Span:
    """What a piece of work took. cpu_seconds: user and system, of all threads."""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0


def cpu_seconds(others: Sequence[int] = ()) -> float:
    """CPU seconds so far of this process and others, to the tick of the kernel for the others."""
    total = time.process_time()
    for process in others:
        # The name, in parentheses, may hold spaces; user and system time are fields 14 and 15.
        text = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        total += (int(text[11]) + int(text[12])) / TICKS_PER_SECOND
    return total


def peak_bytes(others: Sequence[int] = ()) -> int:
    """Sum over this process and others of the most memory each has had resident."""
    total = 0
    for process in ("self", *others):
        lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
        total += next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return total


@contextlib.contextmanager
def measured(others: Sequence[int] = ()) -> Iterator[Span]:
    """Yields a Span that is filled in when the block ends."""
    span = Span()
    wall, cpu = time.perf_counter(), cpu_seconds(others)
    yield span
    span.wall_seconds = time.perf_counter() - wall
    span.cpu_seconds = cpu_seconds(others) - cpu
