"""One run of one system, in a process of its own: python -m peers.worker JOB RESULT FACTORS.

JOB is a JSON object (system, train, test, rank, reg, epochs, threads, program); RESULT gets seconds
and bytes, FACTORS what was learned. Nothing heavy is imported before alsatian is started: a child's
peak memory counts from its parent's.
"""
from __future__ import annotations

import json
import pathlib
import resource
import subprocess
import sys
import time
from typing import Any

from peers.meter import Span, measured, peak_bytes

TOP = 100


def run_program(command: list[str]) -> tuple[Span, int]:
    """Runs a program to its end: what it took, and its peak memory in bytes."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wall = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Span(wall, cpu), 1024 * after.ru_maxrss


def run_alsatian(job: dict[str, Any], factors: pathlib.Path) -> dict[str, Any]:
    """Load: a dry run, which reads, cleans and indexes. Fit: all of `train` beyond that.

    So the fit has in it all that a user waits for: start, the biases-only baseline, the errors
    of the last epoch, and saving the model.
    """
    model = factors.with_suffix(".safetensors")
    draws = job["system"] == "alsatian-bayes"
    flags = ["--data", job["train"], "--model", job["system"].removeprefix("alsatian-"),
             "--k", str(job["rank"]), "--epochs", str(job["epochs"]),
             *([] if draws else ["--reg", str(job["reg"])]),
             "--evaluate-every", str(job["epochs"]), "--threads", str(job["threads"]),
             "--device", "cpu", "--quiet"]
    load, _ = run_program([job["program"], "train", *flags, "--dry-run"])
    whole, peak = run_program([job["program"], "train", *flags, "--out", str(model)])
    result = {"load": vars(load), "peak_bytes": peak,
              "fit": {"wall_seconds": whole.wall_seconds - load.wall_seconds,
                      "cpu_seconds": whole.cpu_seconds - load.cpu_seconds}}
    if job["recommend"]:
        command = [job["program"], "recommend", str(model), "--data", job["train"], "--all-users",
                   "--top", str(TOP), "--threads", str(job["threads"]), "--device", "cpu",
                   "--quiet"]
        result["recommend"] = vars(run_program(command)[0])
    if draws:
        predict_pairs(job, model).save(factors)
    else:
        from peers.factors import read_model  # numpy: only now
        read_model(model).save(factors)
    model.unlink()
    return result


def predict_pairs(job: dict[str, Any], model: pathlib.Path) -> Any:
    """The saved model's predictions of the test rows."""
    done = subprocess.run([job["program"], "predict", str(model), "--pairs", job["test"],
                           "--format", "tsv", "--quiet"], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    import numpy
    from peers.factors import Predictions

    lines = done.stdout.splitlines()
    column = lines[0].split("\t").index("prediction")
    return Predictions(numpy.array([float(line.split("\t")[column]) for line in lines[1:]]))


def run_peer(job: dict[str, Any], factors: pathlib.Path) -> dict[str, Any]:
    """Load: from the file to what fit() takes. Fit: the call of fit() alone."""
    from peers.adapters import ADAPTERS, Setting

    adapter = ADAPTERS[job["system"]](Setting(job["rank"], job["reg"], job["epochs"],
                                              job["threads"]))
    others = adapter.processes()
    with measured(others) as load:
        adapter.load(pathlib.Path(job["train"]))
    with measured(others) as fit:
        adapter.fit()
    result = {"load": vars(load), "fit": vars(fit), "peak_bytes": peak_bytes(others)}
    if job["recommend"] and hasattr(adapter, "recommend"):
        with measured(others) as recommend:
            adapter.recommend(TOP)
        result["recommend"] = vars(recommend)
    learned = (adapter.predictions(pathlib.Path(job["test"]))
               if hasattr(adapter, "predictions") else adapter.factors())
    if learned is not None:
        learned.save(factors)
    return result


def main() -> None:
    job = json.loads(pathlib.Path(sys.argv[1]).read_text())
    run = run_alsatian if job["system"].startswith("alsatian-") else run_peer
    result = run(job, pathlib.Path(sys.argv[3]))
    pathlib.Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
