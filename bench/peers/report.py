"""The table (Markdown), the figures (JSON) and the plot (SVG) of a benchmark.

Every number of the table is computed from the runs in the JSON by figures.py; none is typed in.
"""
from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

from peers.figures import (Run, best_reg, best_rmse, cpu_seconds_to, fewer_times, ladder, median_of,
                           seconds_per_epoch)
from peers.systems import NO_GRID, SYSTEMS, System, system_of

OURS = ("alsatian-als", "alsatian-mle", "alsatian-bayes")
SLACK = 0.002
Facts = dict[str, Any]   # of one command: machine, commit, date, versions and so on
Result = dict[str, Any]  # data, rank, and the runs by system

NOTE = """\
Every run is a process of its own, systems alternating; each number of epochs is trained from the \
start. CPU s: user and system time of all threads. A fit is the call of fit() for the peers; for \
alsatian all of `train` beyond reading (`--dry-run`), so with its start, the error of the last \
epoch on the training part and the model file. Seconds per epoch: the slope between the fewest and \
the most epochs. CPU s to an error: medians of the fits of the best λ, a straight line between \
two numbers of epochs. RMSE: numpy, from the saved factors, all test rows, unclipped; λ chosen by \
it after the most epochs, from as many values for each system. Peak: resident memory of the \
largest fit, with the interpreter; Spark's with its Java. Of bayes and myFM, which average over \
draws, what the saved or fitted model predicts for the test rows is taken. Threads: BLAS has one inside a system's \
own threads, OpenMP waits passively.\
"""
DISTURBED = ("Other work ran on the same cores: wall time was disturbed, CPU time is the figure "
             "that counts.")


def text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def reg_text(system: System, runs: list[Run]) -> str:
    """The best λ among those tried; marked where it is the smallest or the largest of them."""
    if not system.rates:
        return ""
    best, tried = best_reg(runs), sorted({run.reg for run in runs})
    if system.grid == NO_GRID:
        return "drawn"
    edge = " (edge)" if best in (tried[0], tried[-1]) and len(tried) > 1 else ""
    return f"{best:g}{edge} of {', '.join(f'{reg:g}' for reg in tried)}"


def table_row(system: System, runs: list[Run], version: str) -> str:
    reg = best_reg(runs)
    peak = max(run.peak_bytes for run in runs) / 2 ** 20
    cells = [system.label, version, text(median_of(runs, "load_wall_seconds"), ".2f"),
             text(median_of(runs, "load_cpu_seconds"), ".2f"),
             text(seconds_per_epoch(runs, reg, "fit_wall_seconds"), ".3f"),
             text(seconds_per_epoch(runs, reg, "fit_cpu_seconds"), ".3f"),
             text(best_rmse(runs), ".4f"), reg_text(system, runs), f"{peak:.0f}"]
    return "| " + " | ".join(cells) + " |"


def systems_table(measured: dict[str, list[Run]], versions: dict[str, str]) -> list[str]:
    lines = ["| system | version | load s | load CPU s | s/epoch | CPU s/epoch | best test RMSE "
             "| at λ | peak MiB |", "|---|---|---|---|---|---|---|---|---|"]
    return lines + [table_row(system_of(name), runs, versions[name])
                    for name, runs in measured.items()]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """CPU seconds to a peer's own best test RMSE: the peer's, and ours by model."""
    peer: str
    target: float
    peer_seconds: float
    our_seconds: dict[str, float | None]


def comparisons(measured: dict[str, list[Run]], slack: float = 0) -> list[Comparison]:
    """One for every peer that predicts ratings. slack: how far above its best error is enough.

    The last thousandths take a peer most of its epochs, which a comparison at its best counts.
    """
    points = {name: ladder(runs, best_reg(runs)) for name, runs in measured.items()}
    result = []
    for name in measured:
        if name in OURS or not points[name]:
            continue
        target = min(point.test_rmse for point in points[name]) + slack
        seconds = cpu_seconds_to(points[name], target)
        assert seconds is not None  # it has a point at or below the target
        result.append(Comparison(name, target, seconds,
                                 {own: cpu_seconds_to(points[own], target)
                                  for own in OURS if own in points}))
    return result


def comparison_table(found: list[Comparison]) -> list[str]:
    measured = [own for own in OURS if any(own in one.our_seconds for one in found)]
    head = ["peer", "test RMSE", "its CPU s"]
    for own in measured:
        head += [f"{system_of(own).label} CPU s", "times fewer"]
    lines = [f"| {' | '.join(head)} |", "|" + len(head) * "---|"]
    for one in found:
        cells = [system_of(one.peer).label, f"{one.target:.4f}", f"{one.peer_seconds:.2f}"]
        for own in measured:
            seconds = one.our_seconds.get(own)
            times = fewer_times(one.peer_seconds, seconds)
            cells += ["not reached" if seconds is None else f"{seconds:.2f}", text(times, ".1f")]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def recommend_lines(measured: dict[str, list[Run]]) -> list[str]:
    parts = [f"{system_of(name).label} {median_of(runs, 'recommend_cpu_seconds'):.2f}"
             for name, runs in measured.items()
             if median_of(runs, "recommend_cpu_seconds") is not None and name != OURS[1]]
    return ["", "The best 100 unseen items of every user, CPU s (alsatian's with reading model and "
            "ratings and printing): " + ", ".join(parts) + "."] if parts else []


def command_lines(parts: Sequence[Facts]) -> list[str]:
    return [f"- `{part['command']}`: {part['cpu']}, {part['threads']} threads of {part['cores']} "
            f"cores; repeats: {part['repeats']}; commit {part['commit'][:12]}"
            f"{' (dirty)' if part['dirty'] else ''}, {part['date']}" for part in parts]


def tried_lines() -> list[str]:
    head = ["## What was tried", "", "| system | epochs | what λ is |", "|---|---|---|"]
    return head + [f"| {system.label} | {', '.join(map(str, system.ladder))} | {system.meaning} |"
                   for system in SYSTEMS]


def markdown(parts: Sequence[Facts], results: Sequence[Result]) -> str:
    """The whole table file; parts: one for each command that results come from."""
    versions = {name: version for part in parts for name, version in part["versions"].items()}
    disturbed = any(part["disturbed"] for part in parts)
    lines = ["# alsatian and its peers on a CPU", "", *command_lines(parts), "", NOTE, "",
             *([DISTURBED, ""] if disturbed else [])]
    for result in results:
        lines += [f"## {result['data']}, k = {result['rank']}", "",
                  *systems_table(result["runs"], versions), "",
                  "To each peer's best test RMSE:", "",
                  *comparison_table(comparisons(result["runs"])), "",
                  f"To {SLACK} above it:", "",
                  *comparison_table(comparisons(result["runs"], SLACK)),
                  *recommend_lines(result["runs"]), ""]
    lines += tried_lines()
    missing = {name: why for part in parts for name, why in part["missing"].items()}
    if missing:
        lines += ["", "Not measured:", ""]
        lines += [f"- {system_of(name).label}: {why}" for name, why in missing.items()]
    return "\n".join(lines) + "\n"


def plot(results: Sequence[Result], path: pathlib.Path) -> None:
    """Test RMSE against CPU seconds, a panel for each data set and rank, a line for each system."""
    import matplotlib
    matplotlib.use("svg")
    # Text as text, and the same figures the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "alsatian", "svg.fonttype": "none"})
    from matplotlib import pyplot

    columns = min(2, len(results))
    rows = -(-len(results) // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(6 * columns, 4 * rows), squeeze=False)
    for axis in axes.flat[len(results):]:
        axis.axis("off")
    for axis, result in zip(axes.flat, results):
        best = min(best_rmse(runs) or 9 for runs in result["runs"].values())
        for number, (name, runs) in enumerate(result["runs"].items()):
            points = ladder(runs, best_reg(runs))
            if points:
                axis.plot([point.cpu_seconds for point in points],
                          [point.test_rmse for point in points], marker="o", markersize=3,
                          linewidth=2.2 if name in OURS else 1.2, color=f"C{number}",
                          label=system_of(name).label)
        axis.set(xscale="log", ylim=(best - .004, best + .09), xlabel="CPU seconds of training",
                 ylabel="test RMSE", title=f"{result['data']}, k = {result['rank']}")
        axis.grid(alpha=.3)
        axis.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def merge(folders: Sequence[pathlib.Path]) -> tuple[list[Facts], list[Result]]:
    """What several commands measured, as one; of a system measured twice the first folder's."""
    parts: list[Facts] = []
    runs: dict[tuple[str, int], dict[str, list[Run]]] = {}
    for folder in folders:
        file = json.loads((folder / "peers.json").read_text())
        parts += file["commands"]
        for result in file["results"]:
            own = runs.setdefault((result["data"], result["rank"]), {})
            for name, entries in result["runs"].items():
                own.setdefault(name, [Run(**entry) for entry in entries])
    order = [system.name for system in SYSTEMS]
    return parts, [{"data": data, "rank": rank,
                    "runs": dict(sorted(own.items(), key=lambda entry: order.index(entry[0])))}
                   for (data, rank), own in sorted(runs.items(), key=lambda entry: entry[0])]


def write(parts: Sequence[Facts], results: Sequence[Result], folder: pathlib.Path) -> None:
    """Writes peers.md, peers.json and peers.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = [result | {"runs": {name: [dataclasses.asdict(run) for run in runs]
                                for name, runs in result["runs"].items()}} for result in results]
    (folder / "peers.json").write_text(
        json.dumps({"commands": parts, "results": plain}, indent=1, ensure_ascii=False) + "\n")
    (folder / "peers.md").write_text(markdown(parts, results))
    plot(results, folder / "peers.svg")
