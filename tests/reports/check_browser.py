#!/usr/bin/env python3
# Opens reports in headless Chromium: plots drawn, tooltips true, nothing logged or fetched.
# browser.py drives it, and made_reports.py makes what it opens.
"""Usage: check_browser.py --program ALSATIAN [--keep FOLDER]; exits 77 where there is no chromium."""
import argparse
import json
import pathlib
import re
import shutil
import sys
import tempfile

from browser import Browser
from made_reports import make_reports

SKIPPED = 77

# Whether any pixel of a canvas is drawn in a color that no axis has: the marks are colored.
PAINTED = """
(() => [...document.querySelectorAll("canvas[data-plot]")].map((canvas) => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let colored = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    const high = Math.max(pixels[at], pixels[at + 1], pixels[at + 2]);
    const low = Math.min(pixels[at], pixels[at + 1], pixels[at + 2]);
    if (pixels[at + 3] > 60 && high - low > 60) ++colored;
  }
  return {name: canvas.dataset.plot, drawn: canvas.dataset.drawn, colored};
}))()
"""
LAYOUT = """({width: document.documentElement.scrollWidth, title: document.title,
  background: getComputedStyle(document.body).backgroundColor,
  images: document.images.length, plots: JSON.parse(document.getElementById("plots").textContent).length})"""

# Tables that go on beyond their frame, scrolled to their end: what still says of what a row is.
SCROLLED = """
[...document.querySelectorAll(".scroll")].map((frame) => {
    const folded = frame.closest("details:not([open])");
    if (folded) folded.open = true;
    frame.scrollLeft = frame.scrollWidth;
    const cells = [...frame.querySelectorAll("tbody tr:first-child > *")];
    const first = cells.find((cell) => cell.offsetWidth > 0).getBoundingClientRect();
    const across = frame.getBoundingClientRect();
    frame.scrollLeft = 0;
    if (folded) folded.open = false;
    return {name: frame.closest("figure").id, away: Math.abs(first.left - across.left),
      share: first.width / across.width};
  })
"""
CUT_NAMES = """
[...document.querySelectorAll("canvas[data-plot]")].flatMap((canvas) =>
  Object.values(Chart.getChart(canvas).scales).flatMap((scale) => scale.ticks
    .filter((tick) => String(tick.label).endsWith("\u2026"))
    .map((tick) => `${canvas.dataset.plot}: ${tick.label}`)))
"""
# Names beside a plot, and titles of axes, that are wider than the room for them.
CROPPED = """
[...document.querySelectorAll("canvas[data-plot]")].flatMap((canvas) => {
  const context = canvas.getContext("2d");
  context.font = `${Chart.defaults.font.size}px ${Chart.defaults.font.family}`;
  const wider = (text, room) => [text].flat()
    .some((line) => context.measureText(line).width > room + 1);
  return Object.values(Chart.getChart(canvas).scales).flatMap((scale) => [
    ...(scale.type === "category" && scale.axis === "y" ? scale.ticks.map(({label}) => label)
      .filter((label) => wider(label, scale.width)) : []),
    ...(wider(scale.options.title.text, scale.isHorizontal() ? scale.width : scale.height)
      ? [scale.options.title.text] : [])]).map((text) => `${canvas.dataset.plot}: ${text}`);
})
"""
# Different names that are shown alike: of rows, and in legends.
MIXED = """
JSON.parse(document.getElementById("plots").textContent).flatMap((plot) => {
  const chart = Chart.getChart(document.querySelector(`canvas[data-plot="${plot.name}"]`));
  const alike = (names) => names.length - new Set(names.map(String)).size;
  const legend = chart.options.plugins.legend;
  const shown = legend.display ? legend.labels.generateLabels(chart).map(({text}) => text) : [];
  const looks = chart.data.datasets.filter(({type}) => type !== "bar")
    .map(({borderColor, borderDash, pointStyle}) =>
      `${borderColor} ${borderDash} ${pointStyle}`);
  return [...(alike(plot.lower ? chart.data.labels : []) > 0 ? [`rows of ${plot.name}`] : []),
    ...(alike(shown) > 0 ? [`the legend of ${plot.name}`] : []),
    ...(looks.length > 1 && !plot.lower && alike(looks) > 0 ? [`lines of ${plot.name}`] : [])];
})
"""
# Legends that name another series than the one whose color they show, and that a click hides. Long
# names are cut in the middle.
MISNAMED = """
JSON.parse(document.getElementById("plots").textContent).filter((plot) => {
  const chart = Chart.getChart(document.querySelector(`canvas[data-plot="${plot.name}"]`));
  const shown = chart.options.plugins.legend.display ? chart.legend.legendItems : [];
  return shown.some(({ text, datasetIndex, isStage }) => {
    if (isStage) return false;
    const [front, back = ""] = text.split("…");
    const name = String(chart.data.datasets[datasetIndex].label);
    return !name.startsWith(front) || !name.endsWith(back)
      || (!text.includes("…") && name !== text);
  });
}).map((plot) => plot.name)
"""
# Logarithmic axes that begin or end far from what is drawn along them.
FAR_ENDS = """
JSON.parse(document.getElementById("plots").textContent).filter((plot) => {
  const {x} = Chart.getChart(document.querySelector(`canvas[data-plot="${plot.name}"]`)).scales;
  const places = plot.x.filter((place) => place > 0);
  return x.type === "logarithmic" && places.length > 1
    && (x.min < Math.min(...places) / 1.5 || x.max > Math.max(...places) * 1.5);
}).map((plot) => plot.name)
"""
# Of a value that holds until the next, lines that lead from one to the other.
SLOPING = """
["best_by_seconds"].filter((name) => {
  const canvas = document.querySelector(`canvas[data-plot="${name}"]`);
  return canvas && Chart.getChart(canvas).data.datasets.some(({stepped}) => stepped !== true);
})
"""
# Words and numbers of tables that go on in another line, but for those that no column holds.
BROKEN = """
[...document.querySelectorAll("td, th")].filter((cell) => cell.offsetWidth > 0)
  .flatMap((cell) => [...cell.childNodes].filter(({nodeType}) => nodeType === Node.TEXT_NODE)
    .flatMap((node) => [...node.data.matchAll(/[^ _\\u2212-]+/g)]
      .filter(([word]) => word.length <= 20).filter(({0: word, index}) => {
        const range = document.createRange();
        range.setStart(node, index);
        range.setEnd(node, index + word.length);
        return new Set([...range.getClientRects()].map(({top}) => Math.round(top))).size > 1;
      }).map(([word]) => `${cell.closest("figure").id}: ${word}`)))
"""
# Ticks beside each other that say the same.
ALIKE = """
[...document.querySelectorAll("canvas[data-plot]")].flatMap((canvas) =>
  Object.values(Chart.getChart(canvas).scales).filter((scale) => scale.type === "linear")
    .flatMap((scale) => scale.ticks.filter((tick, at) => at > 0
      && tick.label === scale.ticks[at - 1].label)
      .map((tick) => `${canvas.dataset.plot}: ${tick.label}`)))
"""
# Bars with a name, no number, that stands at no tick.
NAMELESS = """
JSON.parse(document.getElementById("plots").textContent).filter((plot) => !plot.lower
    && plot.x.length <= 24 && plot.x.some((x) => /^[A-Za-z(]/.test(x)))
  .filter((plot) => Chart.getChart(document.querySelector(`canvas[data-plot="${plot.name}"]`))
    .scales.x.ticks.length < plot.x.length)
  .map((plot) => plot.name)
"""

# What the page says where the pointer is over a mark: for each row that is drawn, in its place.
# Of long plots some rows, among them the last. Chart.js itself chooses what the pointer is over.
HOVERED = """
JSON.parse(document.getElementById("plots").textContent).map((plot) => {
  const chart = Chart.getChart(document.querySelector(`canvas[data-plot="${plot.name}"]`));
  const flat = chart.options.indexAxis === "y";
  const across = flat ? chart.scales.y : chart.scales.x;
  const upwards = flat ? chart.scales.x : chart.scales.y;
  const step = Math.max(1, Math.floor(plot.x.length / 40));
  const rows = plot.x.map((_, row) => row)
    .filter((row) => row % step === 0 || row === plot.x.length - 1);
  const said = [];
  for (const row of rows) {
    const place = across.type === "category"
      ? across.getPixelForValue(row, row) : across.getPixelForValue(plot.x[row]);
    for (const series of plot.series) {
      const value = series.y[row];
      if (value === null || plot.x[row] === null) continue;
      if (upwards.type === "logarithmic" && value <= 0) continue;
      const height = upwards.getPixelForValue(value);
      const at = flat ? {x: height, y: place} : {x: place, y: height};
      const {mode, ...options} = chart.options.interaction;
      const items = chart.getElementsAtEventForMode({native: true, ...at}, mode, options);
      chart.tooltip.setActiveElements(items.map(({datasetIndex, index}) =>
        ({datasetIndex, index})), at);
      said.push({row, series: series.name, title: chart.tooltip.title,
        lines: chart.tooltip.body.flatMap((part) => part.lines)});
    }
  }
  return {plot, said};
})
"""

# Where names in a plot's legend are, and its first mark, once it is scrolled into sight.
PLACES = """
((name) => {
  const canvas = document.querySelector(`canvas[data-plot="${name}"]`);
  const chart = Chart.getChart(canvas);
  canvas.scrollIntoView({block: canvas.offsetHeight > window.innerHeight ? "start" : "center"});
  const {left, top} = canvas.getBoundingClientRect();
  const marks = chart.getSortedVisibleDatasetMetas().flatMap((meta) => meta.data)
    .filter((mark) => !mark.skip && Number.isFinite(mark.x) && Number.isFinite(mark.y));
  const mark = marks.length > 0 ? marks[0].getCenterPoint() : null;
  return {names: chart.options.plugins.legend.display ? chart.legend.legendItems.map((item, at) => {
      const box = chart.legend.legendHitBoxes[at];
      return {text: item.text, dataset: item.isStage ? null : item.datasetIndex,
        x: left + box.left + box.width / 2, y: top + box.top + box.height / 2};
    }) : [],
    mark: mark ? {x: left + mark.x, y: top + mark.y} : null};
})
"""
SHOWN = """
((name) => {
  const canvas = document.querySelector(`canvas[data-plot="${name}"]`);
  const chart = Chart.getChart(canvas);
  return {datasets: chart.data.datasets.map((_, at) => chart.isDatasetVisible(at)),
    tooltip: chart.tooltip.opacity > 0, picture: canvas.toDataURL()};
})
"""
# Ticks of linear axes along which the data have whole numbers alone.
PARTED = """
JSON.parse(document.getElementById("plots").textContent).flatMap((plot) => {
  const chart = Chart.getChart(document.querySelector(`canvas[data-plot="${plot.name}"]`));
  const whole = (values) => values.every((value) => value === null || Number.isInteger(value));
  const axes = plot.lower ? [] : [["x", plot.x], ["y", plot.series.flatMap(({y}) => y)]];
  return axes.flatMap(([axis, values]) =>
    (chart.scales[axis].type !== "linear" || !whole(values) ? [] : chart.scales[axis].ticks
      .filter(({value}) => !Number.isInteger(value))
      .map(({value}) => `${plot.name} at ${axis} = ${value}`)));
})
"""


def number_in(text):
    """The first number in a text, or nothing."""
    found = re.search(r"[-\u2212]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?", text)
    return float(found.group().replace(",", "").replace("\u2212", "-")) if found else None


def says(text, value):
    """Whether a text has a number equal to a value to five significant digits."""
    number = number_in(text)
    # Half a unit of the fifth digit is at most this share; the value itself has seven.
    return number is not None and abs(number - value) <= 0.501e-4 * abs(value)


def row_of_tooltip(plot, row):
    """What each series has in a row, by its name; of rows at the same place, those of any."""
    rows = [other for other, x in enumerate(plot["x"]) if x == plot["x"][row]]
    return {series["name"]: [series["y"][other] for other in rows] for series in plot["series"]}


def complaints_of_tooltip(plot, said):
    """What is wrong with what a tooltip says over one mark."""
    place = f"plot {plot['name']}, row {said['row']}, {said['series']}"
    x = plot["x"][said["row"]]
    if "hover" in plot:
        name = plot["hover"][said["row"]]
        value = plot["series"][0]["y"][said["row"]]
        lines = said["lines"]
        # Of several marks in one place three are named.
        if name not in said["title"] and len(said["title"]) < 3:
            return [f"{place}: is named {said['title']} instead of {name}"]
        if len(said["title"]) == 1 and not says(lines[-1].rsplit(": ", 1)[-1], value):
            return [f"{place}: says {lines} where the mark is at {value}"]
        return []
    found = []
    title = " ".join(said["title"])
    shown = title.rsplit(" ", 1)[-1]
    if not (says(shown, x) if isinstance(x, (int, float)) else str(x) in title):
        found.append(f"{place}: is titled {title} where x is {x}")
    expected = row_of_tooltip(plot, said["row"])
    told = set()
    for line in said["lines"]:
        if "lower" in plot:
            told.add(said["series"])
            if not says(line, expected[said["series"]][0]):
                found.append(f"{place}: says {line}, not {expected[said['series']][0]}")
            continue
        name, text = line.rsplit(": ", 1)
        told.add(name)
        if not any(value is not None and says(text, value) for value in expected.get(name, [])):
            found.append(f"{place}: says {line} where the data have {expected.get(name)}")
    if said["series"] not in told:
        found.append(f"{place}: says nothing of it: {said['lines']}")
    return found


def complaints_of_hovering(browser, path):
    """Over every mark the tooltip says what the data have there, and of no other place."""
    browser.open(path, 1280, "light")
    return [f"{path.name}, hovering: {what}" for hovered in browser.value(HOVERED)
            for said in hovered["said"]
            for what in complaints_of_tooltip(hovered["plot"], said)]


def complaints_of_legend(browser, name):
    """A click on a name takes its series, or what is shaded, off the plot; another brings it back."""
    found = []
    for at, item in enumerate(browser.value(f"({PLACES})('{name}')")["names"]):
        before = browser.value(f"({SHOWN})('{name}')")
        browser.click(item)
        after = browser.value(f"({SHOWN})('{name}')")
        wanted = [shown != (dataset == item["dataset"])
                  for dataset, shown in enumerate(before["datasets"])]
        if after["datasets"] != wanted or after["picture"] == before["picture"]:
            found.append(f"plot {name}: a click on {item['text']} shows {after['datasets']}")
        browser.click(browser.value(f"({PLACES})('{name}')")["names"][at])
        if browser.value(f"({SHOWN})('{name}')")["datasets"] != before["datasets"]:
            found.append(f"plot {name}: a second click on {item['text']} does not bring it back")
    return found


def complaints_of_pointing(browser, path, width):
    """With a mouse: tooltips appear over marks, and the legend's names take series off and on."""
    browser.open(path, width, "light")
    found = []
    for plot in browser.value("JSON.parse(document.getElementById('plots').textContent)"):
        name = plot["name"]
        mark = browser.value(f"({PLACES})('{name}')")["mark"]
        if mark:
            browser.mouse(mark)
            if not browser.value(f"({SHOWN})('{name}')")["tooltip"]:
                found.append(f"plot {name}: nothing appears over its first mark")
        found += complaints_of_legend(browser, name)
    return [f"{path.name}, {width} wide, pointing: {what}" for what in found]


def complaints(browser, path, width, scheme):
    """What is wrong with a report as opened: an empty list where nothing is."""
    browser.open(path, width, scheme)
    plots = browser.value(PAINTED)
    layout = browser.value(LAYOUT)
    found = []
    if len(plots) != layout["plots"] or not plots:
        found.append(f"{len(plots)} canvases for {layout['plots']} plots")
    found += [f"plot {plot['name']} is blank" for plot in plots
              if plot["drawn"] != "yes" or plot["colored"] < 20]
    if width < 480:
        found += [f"table {table['name']} does not say of what a scrolled row is: {table}"
                  for table in browser.value(SCROLLED)
                  if table["away"] > 1 or table["share"] > 0.5]
    found += [f"{word} is broken" for word in browser.value(BROKEN)]
    found += [f"a name is cut off in {name}" for name in browser.value(CUT_NAMES)]
    found += [f"there is no room for {text}" for text in browser.value(CROPPED)]
    found += [f"{what} look alike" for what in browser.value(MIXED)]
    found += [f"the legend of {name} names other series"
              for name in browser.value(MISNAMED)]
    found += [f"the axis of {name} goes on far beyond its data"
              for name in browser.value(FAR_ENDS)]
    found += [f"{name} slopes" for name in browser.value(SLOPING)]
    found += [f"ticks say the same in {name}" for name in browser.value(ALIKE)]
    found += [f"a bar of {name} has no name" for name in browser.value(NAMELESS)]
    found += [f"a tick of {name} is between whole numbers" for name in browser.value(PARTED)]
    if layout["width"] > width:
        found.append(f"is {layout['width']} wide")
    if layout["title"] == "owned" or layout["images"] > 0:
        found.append("ran markup of a title")
    red = int(layout["background"].split("(")[1].split(",")[0])
    if (red > 128) != (scheme == "light"):
        found.append(f"has the background {layout['background']}")
    for event in browser.events:
        method = event.get("method", "")
        if method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded",
                      "Page.javascriptDialogOpening"):
            found.append(f"{method}: {json.dumps(event['params'])[:300]}")
        if method == "Network.requestWillBeSent":
            url = event["params"]["request"]["url"]
            if url != path.as_uri():
                found.append(f"asked for {url[:100]}")
    return [f"{path.name}, {width} wide, {scheme}: {what}" for what in found]


def complaints_without_script(browser, path):
    """What is wrong with a report where scripts are off: tables stand for the plots."""
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(path, 1280, "light")
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    shown = browser.value("""({
      plots: [...document.querySelectorAll(".plot")].filter((plot) => plot.offsetHeight > 0).length,
      tables: [...document.querySelectorAll("figure details table")]
        .filter((table) => table.offsetHeight > 0).length,
      canvases: document.querySelectorAll("canvas[data-plot]").length,
      note: document.querySelector("noscript").innerText.includes("JavaScript"),
    })""")
    found = []
    if shown["plots"] > 0:
        found.append(f"leaves room for {shown['plots']} plots")
    if shown["tables"] < shown["canvases"]:
        found.append(f"shows {shown['tables']} tables for {shown['canvases']} plots")
    if not shown["note"]:
        found.append("does not say that plots need a script")
    return [f"{path.name}, without scripts: {what}" for what in found]


SHEET = 718  # pixels of style across a sheet of A4 between margins of a centimeter


def complaints_on_paper(browser, path, width):
    """What is wrong with a report as printed from a dark screen: ink dark, plots of one width."""
    browser.open(path, width, "dark")
    browser.value("window.dispatchEvent(new Event('beforeprint'))")
    browser.call("Emulation.setEmulatedMedia", media="print",
                 features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.call("Emulation.setDeviceMetricsOverride", width=SHEET, height=900,
                 deviceScaleFactor=1, mobile=False)
    frames = browser.value("""[...document.querySelectorAll("canvas[data-plot]")].map((canvas) => {
      const frame = canvas.closest("figure").getBoundingClientRect();
      const drawn = canvas.getBoundingClientRect();
      return {name: canvas.dataset.plot, inside: drawn.left >= frame.left
        && drawn.right <= frame.right && drawn.bottom <= frame.bottom,
        share: drawn.width / frame.width, ratio: drawn.width / drawn.height
          / (canvas.width / canvas.height)};})""")
    ink = browser.value("""[...document.querySelectorAll("canvas[data-plot]")].map((canvas) =>
      Chart.getChart(canvas).options.scales.x.ticks.color)""")
    wide = browser.value("""[...document.querySelectorAll("table")]
      .filter((table) => table.offsetWidth > 0 && table.getBoundingClientRect().right
        > table.closest("figure").getBoundingClientRect().right)
      .map((table) => table.closest("figure").id)""")
    folded = browser.value("""[...document.querySelectorAll("figure details")]
      .every((table) => !table.open)""")
    broken = browser.value(BROKEN)
    browser.call("Emulation.setEmulatedMedia", media="")
    found = []
    if not ink or any(int(color[1:3], 16) > 128 for color in ink):
        found.append(f"prints labels in {sorted(set(ink))}")
    found += [f"prints the table {name} beyond its frame" for name in wide]
    found += [f"breaks a word of {what}" for what in broken]
    if not folded:
        found.append("prints tables beside their plots")
    for frame in frames:
        if not frame["inside"] or frame["share"] < 0.9 or abs(frame["ratio"] - 1) > 0.02:
            found.append(f"prints {frame['name']} not over its frame: {frame}")
    return [f"{path.name}, {width} wide, on paper: {what}" for what in found]


def refuse_what_is_missing(parser, options):
    """Ends the run where a folder or a file that was named is not there."""
    if options.keep and not options.keep.is_dir():
        parser.error(f"--keep {options.keep}: is no folder; make it first: mkdir -p {options.keep}")
    for report in options.reports:
        if not report.is_file():
            parser.error(f"{report}: is no file; name a report that --report has written")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--keep", type=pathlib.Path, help="folder for screenshots")
    parser.add_argument("reports", nargs="*", type=pathlib.Path,
                        help="reports to open in place of those of made data")
    options = parser.parse_args()
    refuse_what_is_missing(parser, options)
    chromium = shutil.which("chromium")
    if not chromium:
        print("skipped: there is no chromium (Debian's package chromium)")
        return SKIPPED
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        reports = options.reports or make_reports(folder, options.program)
        browser = Browser(chromium, folder / "profile")
        try:
            for report in reports:
                found += complaints_without_script(browser, report.resolve())
                for width in (390, 1280):
                    found += complaints_on_paper(browser, report.resolve(), width)
                found += complaints_of_hovering(browser, report.resolve())
                for width in (390, 1280):
                    found += complaints_of_pointing(browser, report.resolve(), width)
                for width in (390, 1280):
                    for scheme in ("light", "dark"):
                        found += complaints(browser, report.resolve(), width, scheme)
                        if options.keep:
                            browser.screenshot(
                                options.keep / f"{report.stem}-{width}-{scheme}.png")
        finally:
            browser.close()
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
