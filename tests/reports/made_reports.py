# Reports of every command, of made data: markup in titles, gaps in curves, huge numbers.
# What a browser is to draw, and what it must not run.
"""make_reports(folder, program)."""
import subprocess

HOSTILE = '"</script><script>document.title=\'owned\'</script><img src=x onerror=alert(1)> & \'film\' (1999)"'


def write_data(folder, program):
    """Ratings with times, titles and genres, one title of which is markup."""
    subprocess.run([program, "generate", "--users", "120", "--items", "90", "--ratings", "4000",
                    "--out", folder / "plain.csv", "--quiet"], check=True)
    genres = ["Comedy", "Drama|War", "Action|Comedy|Sci-Fi", "(no genres listed)"]
    lines = (folder / "plain.csv").read_text().splitlines()
    items = []
    with open(folder / "ratings.csv", "w") as ratings:
        ratings.write("userId,movieId,rating,timestamp\n")
        for number, line in enumerate(lines[1:]):
            fields = line.split(",")
            items.append(fields[1])
            ratings.write(",".join(fields[:3]) + f",{946684800 + number * 40000}\n")
    with open(folder / "movies.csv", "w") as movies:
        movies.write("movieId,title,genres\n")
        for number, item in enumerate(sorted(set(items), key=int)):
            names = (HOSTILE, f"Film {item} (1999)",
                     f"Constantinople's Extraterrestrials {item} (1999)")
            title = names[number % len(names)]
            movies.write(f"{item},{title},{genres[number % 4]}\n")


def make_reports(folder, program):
    write_data(folder, program)
    (folder / "plain.csv").unlink()
    subprocess.run([program, "explore", "--data", folder, "--report", folder / "explore.html",
                    "--quiet"], check=True, stdout=subprocess.DEVNULL)
    for model in ("als", "mle"):
        subprocess.run([program, "train", "--data", folder, "--model", model, "--k", "4",
                        "--holdout", "0.2", "--report", folder / f"train-{model}.html", "--out",
                        folder / f"{model}.safetensors", "--quiet"], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([program, "evaluate", folder / f"{model}.safetensors", "--data", folder,
                        "--report", folder / f"evaluate-{model}.html", "--quiet"], check=True,
                       stdout=subprocess.DEVNULL)
    # The same ratings times 1e30, whose digits nobody would read.
    header, *lines = (folder / "ratings.csv").read_text().splitlines()
    fields = [line.split(",") for line in lines]
    (folder / "huge").mkdir()
    (folder / "huge" / "huge.csv").write_text("\n".join(
        [header] + [f"{user},{item},{rating}e30,{time}" for user, item, rating, time in fields]))
    huge = folder / "huge" / "huge.csv"
    subprocess.run([program, "explore", "--data", huge, "--report", folder / "explore-huge.html",
                    "--quiet"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([program, "train", "--data", huge, "--k", "2", "--epochs", "4", "--holdout",
                    "0.2", "--report", folder / "train-huge.html", "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)
    # Curves with gaps: some epochs have no error.
    subprocess.run([program, "train", "--data", folder, "--model", "mle", "--k", "4", "--epochs",
                    "10", "--validation", "0.1", "--evaluate-every", "3", "--report",
                    folder / "train-gaps.html", "--quiet"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([program, "train", "--data", folder, "--model", "bayes", "--k", "4", "--epochs",
                    "24", "--burn-in", "6", "--keep", "8", "--chains", "2", "--holdout", "0.2",
                    "--report", folder / "train-bayes.html", "--out",
                    folder / "bayes.safetensors", "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([program, "evaluate", folder / "bayes.safetensors", "--data", folder, "--top",
                    "10", "--report", folder / "evaluate-bayes.html", "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)
    grid = ("--grid", "k=2,4,8", "--grid", "reg=0.3:3:log4", "--epochs", "3")
    draws = ("--model", "mle", "--trials", "9", "--grid", "k=2:9:lin", "--grid", "reg=0.3:3:log",
             "--folds", "2")
    large = ("--grid", "k=1,2,3,4,5,6", "--grid", "reg=0.3:3:log50", "--epochs", "1")
    # Few whole numbers beside each other, where an axis has room for halves.
    halving = ("--trials", "6", "--grid", "k=4:6:lin", "--grid", "reg=0.3:3:log", "--search",
               "halving", "--epochs", "9")
    for name, flags in (("grid", grid), ("random", draws), ("large", large), ("halving", halving)):
        subprocess.run([program, "tune", "--data", folder, *flags, "--report",
                        folder / f"tune-{name}.html", "--quiet"], check=True,
                       stdout=subprocess.DEVNULL)
    subprocess.run([program, "compare", folder / "als.safetensors", folder / "mle.safetensors",
                    folder / "als.safetensors", "--data", folder, "--top", "5", "--report",
                    folder / "compare.html", "--quiet"], check=True, stdout=subprocess.DEVNULL)
    # More models than there are colors, under names that differ in their middle alone.
    names = [folder / f"{kind}_of_the_ratings_of_an_autumn_{number}_trained_on_everything_that_is"
             for number in range(7) for kind in ("als", "mle")][:13]
    for name in names:
        name.write_bytes((folder / f"{name.name[:3]}.safetensors").read_bytes())
    subprocess.run([program, "compare", *names, "--data", folder, "--report",
                    folder / "compare-many.html", "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return sorted(folder.glob("*.html"))
