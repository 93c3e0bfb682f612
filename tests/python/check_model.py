#!/usr/bin/env python3
"""Checks that Python's safetensors reads model files, and that predictions made there agree.

    check_model.py --environment FOLDER --samples PROGRAM
        files that PROGRAM writes, compared with the text beside each of them
    check_model.py --environment FOLDER --model FILE --predictions FILE
        one model; predictions: lines of user, item, rating with tabs between

FOLDER gets a virtual environment with safetensors and numpy from PyPI where it has none. Where
that fails (no network), the reason is printed and the exit code is 77, which ctest shows as
skipped.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
PACKAGES = ("safetensors", "numpy")


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def run_in_environment(folder):
    """Runs this script again under the environment's interpreter; returns only if already there."""
    folder = folder.resolve()
    if pathlib.Path(sys.prefix).resolve() == folder:
        return
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        create = [sys.executable, "-m", "venv", "--clear", str(folder)]
        made = subprocess.run(create, capture_output=True, text=True)
        if made.returncode != 0:
            skip(f"no virtual environment (Debian: apt install python3-venv): {made.stderr.strip()}")
        install = [str(python), "-m", "pip", "install", "--quiet", "--timeout", "30",
                   "--retries", "1", *PACKAGES]
        installed = subprocess.run(install, capture_output=True, text=True)
        if installed.returncode != 0:
            skip(f"cannot install {' '.join(PACKAGES)}: {installed.stderr.strip()[-300:]}")
        ready.touch()
    sys.exit(subprocess.run([str(python), *sys.argv]).returncode)


def load(path):
    """The tensors and the metadata of a model file."""
    import safetensors
    import safetensors.numpy

    tensors = safetensors.numpy.load_file(path)  # the one line
    with safetensors.safe_open(path, framework="numpy") as file:
        return tensors, file.metadata()


def strings(tensors, values, offsets):
    """A list of bytes from the tensors of a string table."""
    text = tensors[values].tobytes()
    ends = tensors[offsets]
    return [text[first:last] for first, last in zip(ends[:-1], ends[1:])]


def ids(tensors, side):
    if f"{side}_id_offsets" in tensors:
        return strings(tensors, f"{side}_ids", f"{side}_id_offsets")
    return [str(number).encode() for number in tensors[f"{side}_ids"]]


def predictions(tensors, metadata):
    """Predicted ratings [users, items] in double."""
    import numpy

    scores = (
        tensors["mean"][0]
        + tensors["user_biases"].astype(float)[:, None]
        + tensors["item_biases"].astype(float)[None, :]
        + tensors["user_factors"].astype(float) @ tensors["item_factors"].astype(float).T
    )
    likelihood = json.loads(metadata["alsatian.spec"])["likelihood"]
    means = {
        "gaussian": lambda score: score,
        "laplace": lambda score: score,
        "poisson": numpy.exp,
        "bernoulli": lambda score: 1 / (1 + numpy.exp(-score)),
    }
    return means[likelihood](scores)


def close(found, expected, unit):
    """Whether two sums of the same numbers agree; unit: rounding of how they were printed."""
    return abs(found - expected) <= unit * max(1.0, abs(expected))


def check_sample(model, expectations):
    tensors, metadata = load(model)
    users, items = ids(tensors, "user"), ids(tensors, "item")
    found = predictions(tensors, metadata)
    titles = [b""] * len(items)
    if "item_titles" in tensors:
        titles = strings(tensors, "item_titles", "item_title_offsets")
    lines = expectations.read_text().splitlines()
    assert len(lines) == len(users) * len(items), f"{model}: {len(lines)} expectations"
    for number, line in enumerate(lines):
        u, i = divmod(number, len(items))
        user, item, user_count, item_count, title, rating = line.split("\t")
        assert users[u] == bytes.fromhex(user), f"{model}: user {u}"
        assert items[i] == bytes.fromhex(item), f"{model}: item {i}"
        assert tensors["user_counts"][u] == int(user_count), f"{model}: count of user {u}"
        assert tensors["item_counts"][i] == int(item_count), f"{model}: count of item {i}"
        assert titles[i] == bytes.fromhex(title), f"{model}: title {i}"
        assert close(found[u, i], float(rating), 1e-13), f"{model}: prediction {u}, {i}"
    for key, value in metadata.items():
        if value.startswith("{"):
            json.loads(value)
    print(f"{model.name}: {len(tensors)} tensors, {len(lines)} predictions agree")


def check_samples(program):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, folder], check=True)
        models = sorted(pathlib.Path(folder).glob("*.safetensors"))
        assert models, "no sample models were written"
        for model in models:
            check_sample(model, model.with_suffix(".tsv"))


def check_predictions(model, expectations):
    tensors, metadata = load(model)
    rows = {user.decode(): u for u, user in enumerate(ids(tensors, "user"))}
    columns = {item.decode(): i for i, item in enumerate(ids(tensors, "item"))}
    found = predictions(tensors, metadata)
    checked = 0
    for line in expectations.read_text().splitlines():
        user, item, rating = line.split("\t")[:3]
        if user not in rows or item not in columns:
            continue
        value = found[rows[user], columns[item]]
        assert close(value, float(rating), 1e-6), f"user {user}, item {item}: {value} and {rating}"
        checked += 1
    assert checked > 0, "no pair of the predictions is in the model"
    print(f"{model}: {checked} predictions agree")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--environment", type=pathlib.Path, required=True)
    parser.add_argument("--samples")
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--predictions", type=pathlib.Path)
    options = parser.parse_args()
    run_in_environment(options.environment)
    if options.samples:
        check_samples(options.samples)
    if options.model:
        check_predictions(options.model, options.predictions)


if __name__ == "__main__":
    main()
