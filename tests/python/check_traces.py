#!/usr/bin/env python3
"""Checks R̂ and effective draws that a training logs against its own traces, in plain Python.

    check_traces.py --program ALSATIAN
        trains three chains on generated ratings, and computes what the last line of the log says
        of each trace again from the traces of all lines, as Vehtari et al. (2021) define it
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile


def halves(chains):
    half = len(chains[0]) // 2
    return [part for chain in chains for part in (chain[:half], chain[len(chain) - half:])]


def normal_scores(chains):
    """Normal quantiles of ranks over all values; equal values share their mean rank."""
    values = sorted(value for chain in chains for value in chain)
    places = {}
    for place, value in enumerate(values, 1):
        places.setdefault(value, []).append(place)
    normal = statistics.NormalDist()
    score = {value: normal.inv_cdf((statistics.fmean(ranks) - 3 / 8) / (len(values) + 1 / 4))
             for value, ranks in places.items()}
    return [[score[value] for value in chain] for chain in chains]


def variances(chains):
    length = len(chains[0])
    within = statistics.fmean(statistics.variance(chain) for chain in chains)
    between = length * statistics.variance(statistics.fmean(chain) for chain in chains)
    return within, (length - 1) / length * within + between / length


def split_r_hat(chains):
    within, total = variances(chains)
    return math.sqrt(total / within)


def r_hat(chains):
    chains = halves(chains)
    median = statistics.median(value for chain in chains for value in chain)
    folded = [[abs(value - median) for value in chain] for chain in chains]
    return max(split_r_hat(normal_scores(chains)), split_r_hat(normal_scores(folded)))


def effective_draws(chains):
    chains = normal_scores(halves(chains))
    length = len(chains[0])
    within, total = variances(chains)

    def correlation(lag):
        if lag == 0:
            return 1.0
        covariances = []
        for chain in chains:
            mean = statistics.fmean(chain)
            covariances.append(sum((a - mean) * (b - mean) for a, b in zip(chain, chain[lag:]))
                               / (length - 1))
        return 1 - (within - statistics.fmean(covariances)) / total

    pairs = []
    for lag in range(0, length - 1, 2):
        pair = correlation(lag) + correlation(lag + 1)
        if pair <= 0:
            break
        pairs.append(min([pair, *pairs]))
    size = len(chains) * length
    return size / max(2 * sum(pairs) - 1, 1 / math.log10(size))


def train(program, folder, chains):
    """The lines of the log of a small training."""
    ratings = folder / "ratings.csv"
    log = folder / "log"
    subprocess.run([program, "generate", "--users", "97", "--items", "83", "--ratings", "2501",
                    "--out", str(ratings), "--quiet"], check=True)
    subprocess.run([program, "train", "--data", str(ratings), "--model", "bayes", "--k", "3",
                    "--holdout", "0.1", "--epochs", "61", "--burn-in", "10", "--chains",
                    str(chains), "--log", str(log), "--quiet"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return [json.loads(line) for line in log.read_text().splitlines()]


def check(lines, chains, burn_in):
    found = {trace["name"]: trace for trace in lines[-1]["traces"]}
    expected = {"sigma", "user_weight_precision", "item_weight_precision", "test_rmse"}
    if set(found) != expected:
        sys.exit(f"the last line has traces {sorted(found)}, not {sorted(expected)}")
    for name, trace in found.items():
        values = [[line["chains"][chain][name] for line in lines[burn_in:]]
                  for chain in range(chains)]
        everything = [value for chain in values for value in chain]
        for key, computed in (("mean", statistics.fmean(everything)),
                              ("deviation", statistics.stdev(everything)),
                              ("r_hat", r_hat(values)),
                              ("effective_draws", effective_draws(values))):
            if not math.isclose(trace[key], computed, rel_tol=1e-9):
                sys.exit(f"{name}: {key} is {trace[key]}, computed again {computed}")
        print(f"{name}: R̂ {trace['r_hat']:.4f}, {trace['effective_draws']:.1f} effective of "
              f"{len(everything)} draws")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        check(train(arguments.program, pathlib.Path(folder), 3), 3, 10)


if __name__ == "__main__":
    main()
