#!/usr/bin/env python3
# Computes the figures of reports a second time with pandas and numpy, from the files themselves.
# Shares nothing with the program but the definitions that the reports print.
"""Usage: check_figures.py --program ALSATIAN --data FOLDER; 77 where packages or data are missing."""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
try:
    import numpy as np
    import pandas as pd
except ImportError as error:
    print(f"skipped: {error} (Debian's packages python3-numpy, python3-pandas)")
    sys.exit(SKIPPED)

# Sums of 10^5 doubles in another order differ by far less.
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def figure(folder, name):
    return pd.read_csv(folder / f"{name}.tsv", sep="\t", keep_default_na=False, na_values=[""])


def same(name, found, expected):
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    assert found.shape == expected.shape, f"{name}: {found.shape} rows for {expected.shape}"
    np.testing.assert_allclose(found, expected, err_msg=name, **CLOSE)


def check_histogram(folder, ratings, _):
    found = figure(folder, "rating_histogram")
    expected = ratings.rating.value_counts().sort_index()
    same("values", found.rating, expected.index)
    same("counts", found.ratings, expected)


def check_counts(folder, ratings, _):
    for name, column in (("users_by_count", "userId"), ("items_by_count", "movieId")):
        counts = ratings.groupby(column).size().to_numpy()
        found = figure(folder, name)
        assert found.rows.sum() == counts.size, name
        for row in found.itertuples():
            assert ((counts >= row._1) & (counts <= row.to)).sum() == row.rows, (name, row)


def zeta(exponent, first):
    """Hurwitz's, plainly: many terms, and the integral over what is above them."""
    terms = np.arange(first, first + 100_000.0)
    above = terms[-1] + 0.5
    return (terms ** -exponent).sum() + above ** (1 - exponent) / (exponent - 1)


def likeliest(tail):
    """The exponent of the largest likelihood: thirds of an interval, until the cost is level."""
    logarithm = np.log(tail).mean()
    low, high = 1.01, 8.0
    while high - low > 1e-7:
        left, right = low + (high - low) / 3, high - (high - low) / 3
        costs = [np.log(zeta(s, tail[0])) + s * logarithm for s in (left, right)]
        low, high = (low, right) if costs[0] < costs[1] else (left, high)
    return (low + high) / 2


def law_distance(tail, exponent):
    """Of the distribution functions, at every whole number from the first count to the last."""
    numbers = np.arange(tail[0], tail[-1] + 1)
    fitted = 1 - np.cumsum(numbers ** -exponent) / zeta(exponent, tail[0])
    measured = 1 - np.searchsorted(tail, numbers, side="right") / tail.size
    return np.abs(measured - fitted).max()


def check_power_law(folder, ratings, _):
    """The likeliest exponent over the starts that the definition names: the least distance."""
    counts = np.sort(ratings.groupby("movieId").size().to_numpy()).astype(float)
    fewest = max(50, counts.size // 10)
    starts = [start for start in np.unique(counts) if (counts >= start).sum() >= fewest]
    if len(starts) > 100:
        starts = [starts[i * (len(starts) - 1) // 99] for i in range(100)]
    tails = [counts[counts >= start] for start in starts]
    fits = [(tail, likeliest(tail)) for tail in tails if tail[0] < tail[-1]]
    tail, exponent = min(fits, key=lambda fit: law_distance(*fit))
    found = figure(folder, "items_by_count")
    drawn = found[found.power_law.notna()]
    assert (drawn["from"] >= tail[0]).all()
    expected = tail.size * drawn.center ** -exponent / zeta(exponent, tail[0])
    # Both minima are found but for the root of the cost's rounding.
    np.testing.assert_allclose(drawn.power_law, expected, rtol=1e-5)


def check_quantiles(folder, ratings, _):
    found = figure(folder, "quantiles")
    for side, column in (("user", "userId"), ("item", "movieId")):
        groups = ratings.groupby(column).rating
        same(side, found[f"{side}_ratings"], groups.size().quantile(found.share))
        same(side, found[f"{side}_mean"], groups.mean().quantile(found.share))


def check_months(folder, ratings, _):
    month = pd.to_datetime(ratings.timestamp, unit="s").dt.strftime("%Y-%m")
    groups = ratings.groupby(month).rating
    for name in ("ratings_by_time", "mean_by_time"):
        found = figure(folder, name)
        filled = found[found.ratings > 0].set_index("month")
        assert list(filled.index) == sorted(month.unique())
        same("ratings", filled.ratings, groups.size())
        same("mean", filled.mean_rating, groups.mean())


def check_popularity(folder, ratings, _):
    items = ratings.groupby("movieId").rating.agg(["size", "sum", "mean"])
    for row in figure(folder, "mean_by_popularity").itertuples():
        inside = items[(items["size"] >= row._1) & (items["size"] <= row.to)]
        same("mean by popularity",
             [row.items, row.ratings, row.mean_rating, row.mean_of_items],
             [len(inside), inside["size"].sum(), inside["sum"].sum() / inside["size"].sum(),
              inside["mean"].mean()])


def check_genres(folder, ratings, movies):
    pairs = movies.assign(genre=movies.genres.str.split("|")).explode("genre")
    pairs = pairs[pairs.genre != "(no genres listed)"]
    joined = ratings.merge(pairs, on="movieId")
    found = figure(folder, "genres").set_index("genre")
    groups = joined.groupby("genre").rating
    assert set(found.index) == set(groups.groups)
    same("items", found["items"], joined.groupby("genre").movieId.nunique()[found.index])
    same("ratings", found.ratings, groups.size()[found.index])
    same("mean", found.mean_rating, groups.mean()[found.index])
    same("share", found.share_of_ratings, groups.size()[found.index] / len(ratings))
    years = pd.to_datetime(ratings.timestamp, unit="s").dt.year
    joined_years = pd.to_datetime(joined.timestamp, unit="s").dt.year
    expected = joined.groupby([joined_years, "genre"]).size().unstack(fill_value=0)
    expected = expected.div(years.value_counts(), axis=0)
    by_year = figure(folder, "genres_by_year").set_index("year")
    assert list(by_year.columns) == list(found.index[:10])
    same("genres by year", by_year, expected.loc[by_year.index, by_year.columns])


def check_lists(folder, ratings, movies):
    items = ratings.groupby("movieId").rating.agg(["size", "sum", "mean", "var"])
    ss = (items["var"].fillna(0) * (items["size"] - 1))
    total, groups, mean = len(ratings), len(items), ratings.rating.mean()
    within = ss.sum() / (total - groups)
    size = (total - (items["size"] ** 2).sum() / total) / (groups - 1)
    between = (items["size"] * (items["mean"] - mean) ** 2).sum() / (groups - 1)
    weight = within / ((between - within) / size)
    items["best"] = (items["sum"] + weight * mean) / (items["size"] + weight)
    items["spread"] = np.sqrt((ss + 20 * within) / (items["size"] + 20))
    titles = movies.set_index("movieId").title
    for name, key, column in (("most_rated", "size", "ratings"), ("best_rated", "best", "shrunk_mean"),
                              ("most_polarizing", "spread", "shrunk_deviation")):
        found = figure(folder, name)
        same(name, found[column], items[key].nlargest(20))
        same(name, found[column], items[key][found["item"]])
        assert list(found.title) == list(titles[found["item"]]), name


def check_block(folder, ratings, _):
    """Every pair of the 512 largest rows of both sides, ties by the smaller id."""
    def largest(column):
        counts = ratings.groupby(column).size().reset_index(name="n")
        return list(counts.sort_values(["n", column], ascending=[False, True])[column][:512])
    users, items = largest("userId"), largest("movieId")
    dense = ratings.pivot(index="userId", columns="movieId", values="rating").notna()
    dense = dense.reindex(index=users, columns=items).to_numpy()
    found = figure(folder, "densest_block")
    height, width = -(-len(users) // 64), -(-len(items) // 64)
    expected = [dense[row * height:(row + 1) * height, column * width:(column + 1) * width].mean()
                for row, column in zip(found.user_cell, found.item_cell)]
    same("block", found.share_rated, expected)


class Model:
    """A model file, read byte by byte."""

    def __init__(self, path):
        text = path.read_bytes()
        start = 8 + int.from_bytes(text[:8], "little")
        header = json.loads(text[8:start])
        kinds = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8", "U8": "u1"}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            first, last = entry["data_offsets"]
            array = np.frombuffer(text[start + first:start + last], kinds[entry["dtype"]])
            setattr(self, name, array.reshape(entry["shape"]).astype(float))
        facts = header["__metadata__"]
        self.deviation = json.loads(facts["alsatian.scale"])["deviation"]
        self.dispersion = json.loads(facts["alsatian.statistics"])["dispersion"]

    def score(self, test):
        users = np.searchsorted(self.user_ids, test.userId)
        items = np.searchsorted(self.item_ids, test.movieId)
        return (self.mean[0] + self.user_biases[users] + self.item_biases[items]
                + (self.user_factors[users] * self.item_factors[items]).sum(axis=1))

    def predict(self, test):
        """Rounded to float, as the program's predictions are."""
        return self.score(test).astype(np.float32).astype(float)


def most_rated(ids, counts, most):
    return np.lexsort((np.arange(ids.size), -counts))[:most]


def check_errors(folder, model, test, _):
    predictions = model.predict(test)
    errors = test.rating.to_numpy() - predictions
    rmse = np.sqrt((errors ** 2).mean())
    bins = np.clip(np.floor((errors + 4 * rmse) / (rmse / 5)), 0, 39).astype(int)
    found = figure(folder, "residuals")
    # An error on an edge may be rounded to either side.
    assert np.abs(found.ratings - np.bincount(bins, minlength=40)).sum() <= 2
    assert found.ratings.sum() == len(test)
    found = figure(folder, "coverage")
    sigma = np.sqrt(model.dispersion) * model.deviation
    same("coverage", found.measured,
         [(np.abs(errors) <= within * sigma).mean() for within in found.within])
    found = figure(folder, "calibration")
    low, high = predictions.min(), predictions.max()
    bins = np.clip(np.floor((predictions - low) / ((high - low) / 20)), 0, 19).astype(int)
    groups = pd.DataFrame({"p": predictions, "r": test.rating.to_numpy()}).groupby(bins)
    same("calibration", found.ratings, groups.size())
    same("calibration", found.mean_rating, groups.r.mean())
    same("calibration", found.mean_prediction, groups.p.mean())


def check_axes(folder, model, _, movies):
    found = figure(folder, "factor_spectrum")
    for side in ("user", "item"):
        factors = getattr(model, f"{side}_factors")
        variances = np.linalg.eigvalsh(np.cov(factors.T, bias=True))[::-1]
        same("spectrum", found[f"{side}_variance"], variances)
    found = figure(folder, "item_map")
    rows = most_rated(model.item_ids, model.item_counts, 1000)
    assert list(found["item"]) == list(model.item_ids[rows].astype(int))
    factors = model.item_factors[rows]
    factors = factors - factors.mean(axis=0)
    _, axes = np.linalg.eigh(factors.T @ factors)
    for axis, column in ((axes[:, -1], "x"), (axes[:, -2], "y")):
        axis = axis * np.sign(axis[np.abs(axis).argmax()])
        # Eigenvectors lose digits by the gap between their values.
        np.testing.assert_allclose(found[column], factors @ axis, atol=1e-6)
    assert list(found.name) == list(movies.set_index("movieId").title[found["item"]])


def check_neighbors(folder, model, _, movies):
    found = figure(folder, "neighbors")
    lengths = np.linalg.norm(model.item_factors, axis=1)
    titles = movies.set_index("movieId").title
    expected = []
    well_known = set(most_rated(model.item_ids, model.item_counts, 1000))
    for row in most_rated(model.item_ids, model.item_counts, 10):
        cosines = model.item_factors @ model.item_factors[row] / (lengths * lengths[row])
        near = [other for other in np.argsort(-cosines, kind="stable")
                if other != row and other in well_known][:5]
        expected += [(titles[int(model.item_ids[row])], titles[int(model.item_ids[other])],
                      cosines[other]) for other in near]
    assert list(found["item"]) == [entry[0] for entry in expected]
    # Items rated once by the same user point the same way: names may change places within a tie.
    np.testing.assert_allclose(found.cosine, [entry[2] for entry in expected], atol=1e-6)


def evaluate(program, data, ratings, folder):
    """A model of nine tenths, evaluated on those of the tenth whose user and item it knows."""
    order = np.random.default_rng(1).permutation(len(ratings))
    train = ratings.iloc[order[len(ratings) // 10:]]
    test = ratings.iloc[order[:len(ratings) // 10]]
    test = test[test.movieId.isin(train.movieId) & test.userId.isin(train.userId)]
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    for words in (["train", "--data", folder / "train.csv", "--k", "16", "--out",
                   folder / "model.safetensors"],
                  ["evaluate", folder / "model.safetensors", "--test", folder / "test.csv",
                   "--movies", data / "movies.csv", "--figures", folder]):
        subprocess.run([program, *words, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return Model(folder / "model.safetensors"), test


def check_search(folder, program, data):
    """The figures of a search from its log alone."""
    subprocess.run([program, "tune", "--data", data, "--grid", "k=4,8", "--grid", "reg=0.5:4:log4",
                    "--epochs", "5", "--folds", "2", "--log", folder / "trials.jsonl",
                    "--figures", folder, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    runs = pd.read_json(folder / "trials.jsonl", lines=True).iloc[1:]
    weights = runs.validation_ratings
    groups = runs.assign(squares=weights * runs.validation_rmse ** 2,
                         losses=weights * runs.validation_loss).groupby("trial")
    ratings = groups.validation_ratings.sum()
    loss = groups.losses.sum() / ratings
    rmse = np.sqrt(groups.squares.sum() / ratings)
    found = figure(folder, "trials").set_index("trial")
    assert list(found.index) == list(loss.sort_values().index)
    same("loss", found.validation_loss, loss[found.index])
    same("rmse", found.validation_rmse, rmse[found.index])
    same("deviation", found.rmse_sd, groups.validation_rmse.std()[found.index])
    same("epochs", found.epochs, groups.epochs.sum()[found.index])
    surface = figure(folder, "response_surface").set_index(["reg", "k"]).validation_rmse
    same("surface", surface, found.set_index(["reg", "k"]).validation_rmse[surface.index])
    first = runs[runs.fold == 1]
    found = figure(folder, "best_by_seconds")
    same("seconds", found.seconds, first.seconds.cumsum())
    same("best so far", found.best_validation_rmse, first.validation_rmse.cummin())


def check_comparison(program, model, test, folder):
    """Two models on the test ratings; intervals from other random numbers than the program's."""
    subprocess.run([program, "train", "--data", folder / "train.csv", "--model", "mle", "--k", "8",
                    "--out", folder / "other.safetensors", "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([program, "compare", folder / "model.safetensors", folder / "other.safetensors",
                    "--test", folder / "test.csv", "--figures", folder / "compared", "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    found = figure(folder / "compared", "figures").set_index(["figure", "model"])
    models = [model, Model(folder / "other.safetensors")]
    ratings = test.rating.to_numpy()
    # Doubles where evaluate's report has floats.
    errors = [ratings - m.score(test) for m in models]
    for name, m, error in zip(("model", "other"), models, errors):
        sigma = np.sqrt(m.dispersion) * m.deviation
        nll = (error ** 2).mean() / (2 * sigma ** 2) + np.log(2 * np.pi * sigma ** 2) / 2
        same("compared", [found.value[figure_, name] for figure_ in ("rmse", "mae", "nll")],
             [np.sqrt((error ** 2).mean()), np.abs(error).mean(), nll])
    _, users = np.unique(test.userId, return_inverse=True)
    sums = np.stack([np.bincount(users, error ** 2) for error in errors]
                    + [np.bincount(users).astype(float)], axis=1)
    weights = np.random.default_rng(2).multinomial(len(sums), np.full(len(sums), 1 / len(sums)),
                                                   size=2000)
    totals = weights @ sums
    rmse = np.sqrt(totals[:, :2] / totals[:, 2:])
    # Two quantiles of 2000 draws each: 0.06 deviations of noise, times √2, five of them.
    for values, row, columns in (
            (rmse[:, 1], ("rmse", "other"), ("lower", "upper")),
            (rmse[:, 1] - rmse[:, 0], ("rmse", "other"), ("difference_lower", "difference_upper"))):
        np.testing.assert_allclose([found[column][row] for column in columns],
                                   np.quantile(values, (0.025, 0.975)),
                                   atol=5 * 0.06 * np.sqrt(2) * values.std())
    quantiles = figure(folder / "compared", "residual_quantiles")
    for name, error in zip(("model", "other"), errors):
        same("residuals", quantiles[name], np.quantile(error, quantiles.share))
    counts = model.user_counts[np.searchsorted(model.user_ids, test.userId)]
    buckets = np.searchsorted([0, 1, 10, 30, 100, 300, 1000], counts, side="right")
    groups = figure(folder / "compared", "rmse_by_user_activity")
    for name, error in zip(("model", "other"), errors):
        expected = pd.Series(error ** 2).groupby(buckets).mean() ** 0.5
        same("by activity", groups[name], expected)
    same("ratings by activity", groups.ratings, np.unique(buckets, return_counts=True)[1])


def ratings_file(folder):
    """The file with the ratings of a MovieLens folder, or nothing."""
    names = ("ratings.csv", "ratings.dat", "ratings_all_3col.csv")
    return next((folder / name for name in names if (folder / name).exists()), None)


def as_csv(folder, target):
    """A folder with ratings.csv and movies.csv: the folder itself, or one that is made in target.

    Ratings without times get made ones, over four years, since figures by month need some.
    """
    source = ratings_file(folder)
    if source.name == "ratings.csv":
        return folder
    fields = {"sep": "::", "engine": "python", "header": None, "encoding": "latin-1"}
    if source.suffix == ".dat":
        ratings = pd.read_csv(source, names=["userId", "movieId", "rating", "timestamp"], **fields)
    else:
        ratings = pd.read_csv(source)
        times = np.random.default_rng(3).integers(956_700_000, 1_083_000_000, len(ratings))
        ratings["timestamp"] = times
    movies = pd.read_csv(folder / "movies.dat", names=["movieId", "title", "genres"], **fields)
    target.mkdir()
    ratings.to_csv(target / "ratings.csv", index=False)
    movies.to_csv(target / "movies.csv", index=False)
    return target


EXPLORE = (check_histogram, check_counts, check_power_law, check_quantiles, check_months,
           check_popularity, check_genres, check_lists, check_block)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--data", required=True, type=pathlib.Path, nargs="+",
                        help="MovieLens: the first of these folders that has ratings")
    options = parser.parse_args()
    found = next((folder for folder in options.data if ratings_file(folder)), None)
    if found is None:
        print(f"skipped: there is no {options.data[0].name} in $ALSATIAN_DATA, data/ or "
              "../shared/data")
        return SKIPPED
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data = as_csv(found, folder / "data")
        ratings = pd.read_csv(data / "ratings.csv")
        movies = pd.read_csv(data / "movies.csv")
        subprocess.run([options.program, "explore", "--data", data, "--figures", folder, "--quiet"],
                       check=True, stdout=subprocess.DEVNULL)
        for check in EXPLORE:
            check(folder, ratings, movies)
            print("equal:", check.__name__.removeprefix("check_"))
        model, test = evaluate(options.program, data, ratings, folder)
        for check in (check_errors, check_axes, check_neighbors):
            check(folder, model, test, movies)
            print("equal:", check.__name__.removeprefix("check_"))
        check_search(folder, options.program, data)
        print("equal: search")
        check_comparison(options.program, model, test, folder)
        print("equal: comparison")
    return 0


if __name__ == "__main__":
    sys.exit(main())
