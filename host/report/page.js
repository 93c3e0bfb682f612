// Draws the plots of a report from the JSON beside it, in the colors of the page, and folds the
// tables that hold the same figures.
// Redraws where colors or sizes change: light, dark, and paper, which is light and of one width.
(() => {
  "use strict";
  const plots = JSON.parse(document.getElementById("plots").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const lightColors = ["#2563a8", "#c2561a", "#2e7d4f", "#8a3fa0", "#b3261e", "#7a6212", "#0b7a86",
    "#6b7280", "#d0578f", "#4f5bd5", "#5c8a00", "#a0522d"];
  const darkColors = ["#79b4f2", "#f2a06a", "#7fd1a0", "#cf9be6", "#f28b82", "#e0c65a", "#6fd3de",
    "#a8b0bc", "#f2a3c7", "#a3abf7", "#b7de5f", "#d9a384"];
  const charts = [];

  for (const table of document.querySelectorAll("figure details")) table.open = false;

  // A row without a value stays, as a point that is not drawn: what the pointer is over is found in
  // each series by its place in the list. Named marks are found by their own place on the plot.
  const pointsOf = (plot, y, keep) => plot.x
    .map((x, row) => ({ x, y: y[row], name: plot.hover ? plot.hover[row] : undefined, row }))
    .filter((point) => !plot.hover || (point.y !== null && point.x !== null && keep(point.row)));

  // From here on nobody counts the digits.
  const huge = 1e12;
  const withExponent = (value) => value.toPrecision(5).replace(/\.?0*e/, "e");

  // Five digits: what differs in the table is told apart here too.
  const number = (value) => {
    if (typeof value !== "number") return String(value);
    if (Math.abs(value) >= huge) return withExponent(value);
    if (Number.isInteger(value)) return value.toLocaleString("en");
    if (Math.abs(value) < 1e-4) return String(Number(value.toPrecision(5)));
    return value.toLocaleString("en", { maximumSignificantDigits: 5 });
  };

  const shortened = (text, longest) =>
    (text.length > longest ? text.slice(0, longest - 1) + "…" : text);

  // The middle of a name says least of which it is.
  const inMiddle = (text, longest) => {
    if (text.length <= longest) return text;
    const back = Math.floor((longest - 1) / 2);
    return `${text.slice(0, longest - 1 - back)}…${text.slice(text.length - back)}`;
  };

  // Names of at most so many letters that are told apart: what all begin or end with is left out
  // where the middles say which is which, and a number says it where nothing else does.
  const apart = (names, longest) => {
    const all = [...new Set(names)];
    const tellApart = (shown) => new Set(shown).size === all.length;
    const pick = (shown) => names.map((name) => shown[all.indexOf(name)]);
    const short = all.map((name) => inMiddle(name, longest));
    if (tellApart(short)) return pick(short);
    const least = Math.min(...all.map((name) => name.length));
    const same = (place) => all.every((name) => name.at(place) === all[0].at(place));
    let front = 0;
    while (front < least && same(front)) ++front;
    let back = 0;
    while (front + back < least && same(-1 - back)) ++back;
    const middles = all.map((name) => `${front > 0 ? "…" : ""}${inMiddle(
      name.slice(front, name.length - back), longest - 2)}${back > 0 ? "…" : ""}`);
    if (tellApart(middles)) return pick(middles);
    return pick(all.map((name, at) => `${inMiddle(name, longest - 4)} (${at + 1})`));
  };

  // Lines of whole words, each narrow enough; words that are wider are cut in the middle.
  const linesOf = (text, isNarrow) => {
    const lines = [];
    for (const word of text.split(" ")) {
      let length = word.length;
      while (length > 8 && !isNarrow(inMiddle(word, length))) --length;
      const shown = inMiddle(word, length);
      const longer = lines.length > 0 ? `${lines.at(-1)} ${shown}` : shown;
      if (lines.length > 0 && isNarrow(longer)) lines[lines.length - 1] = longer;
      else lines.push(shown);
    }
    return lines.length === 1 ? lines[0] : lines;
  };

  // How many pixels a text of the plots' letters is wide, and whether it is at most so many.
  const widthOf = (canvas, text) => {
    const context = canvas.getContext("2d");
    context.font = `${Chart.defaults.font.size}px ${Chart.defaults.font.family}`;
    return context.measureText(text).width;
  };
  const within = (canvas, pixels) => (text) => widthOf(canvas, text) <= pixels;

  const seriesOf = (plot) => {
    if (!plot.group) return plot.series.map((series) => ({ ...series, keep: () => true }));
    const names = [...new Set(plot.group)];
    return names.map((name) => ({ ...plot.series[0], name: number(name),
      keep: (row) => plot.group[row] === name }));
  };

  // Two or three lines that lie on each other are still seen: later ones are dashed and on top.
  const dashes = [[], [7, 5], [2, 3]];
  const shapes = ["circle", "triangle", "rect"];

  // Of series with the same mark, which one this is, where they are so few; of many, how often
  // their colors were all taken before, since then dashes and shapes alone tell them apart.
  const placeOf = (all, index) => {
    const alike = all.filter((series) => series.mark === all[index].mark);
    return alike.length > 1 && alike.length <= dashes.length ? alike.indexOf(all[index])
      : Math.floor(index / lightColors.length) % dashes.length;
  };

  // The less a point's shade, the stronger its color: the least has all of it, the median half.
  const fillsOf = (plot, points, color) => {
    const all = plot.shade.filter((value) => value !== null).sort((left, right) => left - right);
    const least = all[0];
    const half = all[Math.floor(all.length / 2)] - least;
    return points.map(({ row }) => {
      const share = half > 0 ? 2 ** (-(plot.shade[row] - least) / half) : 1;
      return color + Math.round(255 * share).toString(16).padStart(2, "0");
    });
  };

  const datasetOf = (plot, all, index, color, isCategory) => {
    const series = all[index];
    const points = series.mark === "points";
    const place = placeOf(all, index);
    const data = isCategory ? series.y : pointsOf(plot, series.y, series.keep);
    const fill = plot.shade ? fillsOf(plot, data, color)
      : series.mark === "bars" || points ? color + "bb" : color;
    return {
      type: series.mark === "bars" ? "bar" : isCategory ? "line" : "scatter",
      label: series.name,
      data,
      borderColor: color,
      backgroundColor: fill,
      showLine: !points,
      stepped: Boolean(plot.stepped),
      // Where x are numbers a line leads over rows without a value; over names and times a gap stays.
      spanGaps: !isCategory,
      borderDash: series.mark === "line" ? dashes[place] : [],
      pointStyle: points ? shapes[place] : "circle",
      order: series.mark === "bars" ? 0 : -place,
      borderWidth: series.mark === "bars" ? 0 : points ? 1 : 2,
      pointRadius: plot.shade ? 6 : points ? (plot.x.length > 300 ? 2 : plot.x.length > 60 ? 3 : 4)
        : plot.x.length > 60 ? 0 : 2,
      pointHitRadius: 8,
      tension: 0,
    };
  };

  // How many words all names begin and end with: said once, below them, and not under each.
  const sharedWords = (names) => {
    const words = names.map((name) => String(name).split(" "));
    const first = words[0] || [];
    const rest = Math.min(...words.map((own) => own.length)) - 1;
    const same = (place) => words.every((own) => own.at(place) === first.at(place));
    let front = 0;
    while (words.length > 1 && front < rest && same(front)) ++front;
    let back = 0;
    while (words.length > 1 && front + back < rest && same(-1 - back)) ++back;
    return { front, back, title: front + back === 0 ? ""
      : [...first.slice(0, front), "…", ...first.slice(first.length - back)].join(" ") };
  };

  const withoutShared = (xs, { front, back }) => xs.map((x) => (typeof x === "number" ? x
    : x.split(" ").slice(front, x.split(" ").length - back).join(" ")));

  // A digit more than tells bars apart names them; the table has the others.
  const labelsOf = (xs) => {
    const numbers = xs.filter((x) => typeof x === "number").sort((left, right) => left - right);
    const steps = numbers.slice(1).map((x, at) => x - numbers[at]).filter((step) => step > 0);
    const step = steps.length > 0 ? Math.min(...steps) : 1;
    const digits = Math.min(20, Math.max(0, 1 - Math.floor(Math.log10(step))));
    return xs.map((x) => (typeof x !== "number" ? shortened(x, 24)
      : Math.abs(x) >= huge ? withExponent(x) : String(Number(x.toFixed(digits)))));
  };

  // Each tick of a logarithmic axis with its own digits: 1,000 and 0.01, not 1,000.00. Those that
  // Chart.js leaves without a label stay so.
  function logarithmicLabel(value, index, ticks) {
    const shown = Chart.Ticks.formatters.logarithmic.call(this, value, index, ticks);
    if (shown === "") return "";
    if (Math.abs(value) >= huge) return withExponent(value);
    return value.toLocaleString("en", { maximumSignificantDigits: 6 });
  }

  // Of a linear axis each tick with the digits that tell it from the next, 9.5e+29 and 1e+30, where
  // Chart.js has one digit for them.
  function linearLabel(value, index, ticks) {
    const most = Math.max(...ticks.map((tick) => Math.abs(tick.value)));
    if (value === 0 || (most < huge && most >= 1e-4)) {
      return Chart.Ticks.formatters.numeric.call(this, value, index, ticks);
    }
    const step = ticks.length > 1 ? Math.abs(ticks[1].value - ticks[0].value) : most;
    const digits = Math.floor(Math.log10(Math.abs(value))) - Math.floor(Math.log10(step)) + 2;
    return Number(value.toPrecision(Math.min(15, Math.max(1, digits)))).toExponential();
  }

  // Between 4 and 5 epochs there is none.
  const areWhole = (values) => values.every((value) => value === null || Number.isInteger(value));

  // A few names say more than every other of them; those of periods and ranges go on by themselves.
  const areFewNames = (xs) => xs.length <= 24
    && xs.some((x) => typeof x === "string" && !/^\d/.test(x));

  const scale = (type, title, ink, line, isWhole = false) => ({
    type,
    title: { display: title !== "", text: title, color: ink },
    // Numbers leave each other room, names are turned.
    ticks: { color: ink, maxRotation: type === "category" ? 60 : 0, autoSkip: true,
      ...(type === "linear" ? { callback: linearLabel } : {}),
      ...(type === "linear" && isWhole ? { precision: 0 } : {}),
      ...(type === "logarithmic" ? { callback: logarithmicLabel } : {}) },
    grid: { color: line },
  });

  // A logarithmic axis from a little below its least value to a little above its greatest, where
  // Chart.js begins and ends at powers of ten.
  const nearData = (values) => {
    const positive = values.filter((value) => value > 0);
    if (positive.length < 2) return {};
    const margin = 1.15;
    return { min: Math.min(...positive) / margin, max: Math.max(...positive) * margin };
  };

  // How wide a plot is on a sheet, whatever the screen: the style makes it as wide as the sheet.
  const paperWidth = 680;

  // On paper a size of its own, since nothing tells a script how wide the sheet is.
  const add = (canvas, isPaper, paperHeight, { data, options, plugins }) => {
    const chart = new Chart(canvas, { data, plugins, options: { ...options, animation: false,
      responsive: !isPaper, maintainAspectRatio: false,
      ...(isPaper ? { devicePixelRatio: 2 } : {}) } });
    if (isPaper) chart.resize(paperWidth, paperHeight);
    charts.push(chart);
    canvas.dataset.drawn = "yes";
  };

  // Names of a forest's rows, the model's part shortened until they fit the half of a plot that
  // Chart.js leaves to names. On a phone a model stands above its figure.
  const forestNames = (rows, canvas, width, isNarrow) => {
    const parts = rows.map((row) => {
      const end = row.lastIndexOf(": ");
      return { model: row.slice(0, end), figure: row.slice(end + 2) };
    });
    const fits = within(canvas, width / 2 - 24);
    for (let longest = 80; ; --longest) {
      const models = apart(parts.map(({ model }) => model), longest);
      const names = parts.map(({ figure }, at) =>
        (isNarrow ? [models[at], figure] : `${models[at]}: ${figure}`));
      if (longest <= 10 || names.flat().every(fits)) return names;
    }
  };

  // Names one below the other, each with its interval and the value in it; 0 is marked.
  const drawForest = (plot, canvas, colors, ink, line, isPaper) => {
    const values = plot.series[0].y;
    const width = isPaper ? paperWidth : canvas.parentElement.clientWidth;
    const isNarrow = width < 600;
    const title = linesOf(plot.yTitle, within(canvas, width / 2 - 24));
    const height = 90 + 16 * ([title].flat().length - 1)
      + (isNarrow ? 38 : 26) * plot.x.length;
    canvas.parentElement.style.height = `${height}px`;
    const describe = (item) => `${number(values[item.dataIndex])}, from `
      + `${number(plot.lower[item.dataIndex])} to ${number(plot.upper[item.dataIndex])}`;
    const valueScale = scale("linear", title, ink, line);
    valueScale.grid.color = (context) => (context.tick && context.tick.value === 0 ? ink : line);
    valueScale.suggestedMin = 0;
    valueScale.suggestedMax = 0;
    const nameScale = scale("category", "", ink, line);
    nameScale.ticks.autoSkip = false;
    add(canvas, isPaper, height, {
      data: {
        labels: forestNames(plot.x, canvas, width, isNarrow),
        datasets: [
          { type: "line", label: plot.series[0].name, data: values, showLine: false,
            borderColor: colors[0], backgroundColor: colors[0], pointRadius: 5 },
          { type: "bar", label: "interval", barThickness: 4, backgroundColor: colors[0] + "99",
            data: values.map((_, row) => [plot.lower[row], plot.upper[row]]) },
        ],
      },
      options: {
        indexAxis: "y",
        interaction: { mode: "index", intersect: false, axis: "y" },
        scales: { x: valueScale, y: nameScale },
        plugins: {
          legend: { display: false },
          tooltip: { filter: (item) => item.datasetIndex === 0, callbacks: { label: describe,
            title: (items) => items.map((item) => plot.x[item.dataIndex]) } },
        },
      },
    });
  };

  // Over a named mark its name, then what it is; else the place, and each series' value there.
  const tooltipOf = (plot) => (plot.hover ? {
    filter: (item, at) => at < 3,
    callbacks: {
      title: (items) => items.map((item) => item.raw.name),
      label: (item) => [...(plot.group ? [item.dataset.label] : []),
        `${plot.xTitle}: ${number(item.raw.x)}`, `${plot.yTitle}: ${number(item.raw.y)}`],
    },
  } : {
    callbacks: {
      title: (items) => {
        if (items.length === 0) return "";
        const x = plot.x[items[0].dataIndex];
        return typeof x === "number" ? `${plot.xTitle}: ${number(x)}` : x;
      },
      label: (item) => `${item.dataset.label}: ${number(plot.series[item.datasetIndex]
        .y[item.dataIndex])}`,
    },
  });

  // A part of the plot on its left, shaded; the legend names it, where no curve can cover the name.
  const stageOf = (plot, line) => ({
    id: "stage",
    beforeDatasetsDraw: (chart) => {
      if (chart.hidesStage) return;
      const { ctx, chartArea: { left, right, top, bottom }, scales } = chart;
      const end = Math.min(right, scales.x.getPixelForValue(plot.stageEnd));
      ctx.save();
      ctx.fillStyle = line;
      ctx.fillRect(left, top, end - left, bottom - top);
      ctx.restore();
    },
  });

  // How many pixels a legend of such names is higher than one of three lines.
  const extraHeight = (names, canvas, width) => {
    let lines = 1;
    let used = 0;
    for (const name of names) {
      const own = widthOf(canvas, name) + 32;
      if (used > 0 && used + own > width) {
        ++lines;
        used = 0;
      }
      used += own;
    }
    return 24 * Math.max(0, lines - 3);
  };

  // A click on a name hides its series, or the stage's shade, and brings it back.
  const legendOf = (plot, names, ink, line) => ({
    display: names.length > 1 || Boolean(plot.stage),
    onClick: (event, item, legend) => {
      if (!item.isStage) {
        Chart.defaults.plugins.legend.onClick.call(legend, event, item, legend);
        return;
      }
      legend.chart.hidesStage = !legend.chart.hidesStage;
      legend.chart.update();
    },
    labels: { color: ink, boxWidth: 14,
      sort: (left, right) => left.datasetIndex - right.datasetIndex,
      generateLabels: (chart) => [
        ...Chart.defaults.plugins.legend.labels.generateLabels(chart)
          .map((label) => ({ ...label, text: names[label.datasetIndex],
            lineDash: names.length > lightColors.length ? label.lineDash : [] })),
        ...(plot.stage ? [{ text: `${plot.stage} (shaded)`, isStage: true, fontColor: ink,
          fillStyle: line, strokeStyle: ink, lineWidth: 1, hidden: Boolean(chart.hidesStage),
          datasetIndex: chart.data.datasets.length }] : []),
      ] },
  });

  const draw = (plot, isDark, isPaper) => {
    const canvas = document.querySelector(`canvas[data-plot="${plot.name}"]`);
    if (!canvas) return;
    const ink = isDark ? "#c3ccd8" : "#39424e";
    const line = isDark ? "#333c48" : "#e3e7ec";
    const colors = isDark ? darkColors : lightColors;
    if (plot.lower) {
      drawForest(plot, canvas, colors, ink, line, isPaper);
      return;
    }
    const isCategory = plot.series.some((series) => series.mark === "bars")
      || plot.x.some((x) => typeof x === "string");
    const shared = sharedWords(isCategory ? plot.x : []);
    const series = seriesOf(plot);
    const xScale = scale(isCategory ? "category" : plot.xAxis, plot.xTitle || shared.title, ink,
      line, areWhole(plot.x));
    if (xScale.type === "logarithmic") Object.assign(xScale, nearData(plot.x));
    if (isCategory && areFewNames(plot.x)) {
      Object.assign(xScale.ticks, { autoSkip: false, maxRotation: 75 });
    }
    if (plot.group) canvas.parentElement.classList.add("tall");
    const names = apart(series.map(({ name }) => name), 40);
    const width = isPaper ? paperWidth : canvas.parentElement.clientWidth;
    const extra = series.length > 1 ? extraHeight(names, canvas, width) : 0;
    if (extra > 0) canvas.parentElement.style.height = `${320 + extra}px`;
    add(canvas, isPaper, (plot.group ? 440 : 290) + extra, {
      plugins: plot.stage ? [stageOf(plot, line)] : [],
      data: {
        labels: isCategory ? labelsOf(withoutShared(plot.x, shared)) : undefined,
        datasets: series.map((_, index) =>
          datasetOf(plot, series, index, colors[index % colors.length], isCategory)),
      },
      options: {
        interaction: { mode: plot.hover ? "nearest" : "index", intersect: Boolean(plot.hover),
          axis: plot.hover ? "xy" : "x" },
        scales: {
          x: xScale,
          y: scale(plot.yAxis, plot.yTitle, ink, line,
            plot.series.every(({ y }) => areWhole(y))),
        },
        plugins: {
          legend: legendOf(plot, names, ink, line),
          tooltip: tooltipOf(plot),
        },
      },
    });
  };

  const drawAll = (isDark, isPaper) => {
    while (charts.length > 0) charts.pop().destroy();
    for (const plot of plots) draw(plot, isDark, isPaper);
  };

  drawAll(dark.matches, false);
  dark.addEventListener("change", () => drawAll(dark.matches, false));
  window.addEventListener("beforeprint", () => drawAll(false, true));
  window.addEventListener("afterprint", () => drawAll(dark.matches, false));
})();
