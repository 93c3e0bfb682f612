// Draws the plots of a report from the JSON beside it, in the colors of the page, and folds the
// tables that hold the same figures.
// Redraws where the colors change: light, dark, and paper, which is always light.
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

  const pointsOf = (plot, y, keep) => plot.x
    .map((x, row) => ({ x, y: y[row], name: plot.hover ? plot.hover[row] : undefined, row }))
    .filter((point) => point.y !== null && point.x !== null && keep(point.row));

  const seriesOf = (plot) => {
    if (!plot.group) return plot.series.map((series) => ({ ...series, keep: () => true }));
    const names = [...new Set(plot.group)];
    const shown = (name) =>
      (typeof name === "number" ? String(Number(name.toPrecision(4))) : String(name));
    return names.map((name) => ({ ...plot.series[0], name: shown(name),
      keep: (row) => plot.group[row] === name }));
  };

  // Two or three lines that lie on each other are still seen: later ones are dashed and on top.
  const dashes = [[], [7, 5], [2, 3]];
  const shapes = ["circle", "triangle", "rect"];

  // Of series with the same mark, which one this is, where they are so few; else nothing.
  const placeOf = (all, index) => {
    const alike = all.filter((series) => series.mark === all[index].mark);
    return alike.length > 1 && alike.length <= dashes.length ? alike.indexOf(all[index]) : 0;
  };

  const datasetOf = (plot, all, index, color, isCategory) => {
    const series = all[index];
    const points = series.mark === "points";
    const place = placeOf(all, index);
    return {
      type: series.mark === "bars" ? "bar" : isCategory ? "line" : "scatter",
      label: series.name,
      data: isCategory ? series.y : pointsOf(plot, series.y, series.keep),
      borderColor: color,
      backgroundColor: series.mark === "bars" || points ? color + "bb" : color,
      showLine: !points,
      borderDash: series.mark === "line" ? dashes[place] : [],
      pointStyle: points ? shapes[place] : "circle",
      order: series.mark === "bars" ? 0 : -place,
      borderWidth: series.mark === "bars" ? 0 : points ? 1 : 2,
      pointRadius: points ? (plot.x.length > 300 ? 2 : plot.x.length > 60 ? 3 : 4) : plot.x.length > 60 ? 0 : 2,
      pointHitRadius: 8,
      tension: 0,
    };
  };

  // A digit more than tells bars apart names them; the table has the others.
  const labelsOf = (xs) => {
    const numbers = xs.filter((x) => typeof x === "number").sort((left, right) => left - right);
    const steps = numbers.slice(1).map((x, at) => x - numbers[at]).filter((step) => step > 0);
    const step = steps.length > 0 ? Math.min(...steps) : 1;
    const digits = Math.min(20, Math.max(0, 1 - Math.floor(Math.log10(step))));
    return xs.map((x) => (typeof x === "number" ? String(Number(x.toFixed(digits))) : x));
  };

  // Each tick of a logarithmic axis with its own digits: 1,000 and 0.01, not 1,000.00. Those that
  // Chart.js leaves without a label stay so.
  function logarithmicLabel(value, index, ticks) {
    const shown = Chart.Ticks.formatters.logarithmic.call(this, value, index, ticks);
    return shown === "" ? "" : value.toLocaleString("en", { maximumSignificantDigits: 6 });
  }

  const scale = (type, title, ink, line) => ({
    type,
    title: { display: title !== "", text: title, color: ink },
    ticks: { color: ink, maxRotation: 60, autoSkip: true,
      ...(type === "logarithmic" ? { callback: logarithmicLabel } : {}) },
    grid: { color: line },
  });

  // Names one below the other, each with its interval and the value in it; 0 is marked.
  const drawForest = (plot, canvas, colors, ink, line) => {
    const values = plot.series[0].y;
    const isNarrow = canvas.parentElement.clientWidth < 600;
    canvas.parentElement.style.height = `${90 + (isNarrow ? 38 : 26) * plot.x.length}px`;
    const number = (value) => String(Number(value.toPrecision(4)));
    const describe = (item) => `${number(values[item.dataIndex])}, from `
      + `${number(plot.lower[item.dataIndex])} to ${number(plot.upper[item.dataIndex])}`;
    const valueScale = scale("linear", plot.yTitle, ink, line);
    valueScale.grid.color = (context) => (context.tick && context.tick.value === 0 ? ink : line);
    valueScale.suggestedMin = 0;
    valueScale.suggestedMax = 0;
    const nameScale = scale("category", "", ink, line);
    nameScale.ticks.autoSkip = false;
    charts.push(new Chart(canvas, {
      data: {
        // On a phone a name stands above its figure.
        labels: isNarrow ? plot.x.map((name) => name.split(": ")) : plot.x,
        datasets: [
          { type: "line", label: plot.series[0].name, data: values, showLine: false,
            borderColor: colors[0], backgroundColor: colors[0], pointRadius: 5 },
          { type: "bar", label: "interval", barThickness: 4, backgroundColor: colors[0] + "99",
            data: values.map((_, row) => [plot.lower[row], plot.upper[row]]) },
        ],
      },
      options: {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        indexAxis: "y",
        interaction: { mode: "index", intersect: false, axis: "y" },
        scales: { x: valueScale, y: nameScale },
        plugins: {
          legend: { display: false },
          tooltip: { filter: (item) => item.datasetIndex === 0, callbacks: { label: describe } },
        },
      },
    }));
    canvas.dataset.drawn = "yes";
  };

  const draw = (plot, isDark) => {
    const canvas = document.querySelector(`canvas[data-plot="${plot.name}"]`);
    if (!canvas) return;
    const ink = isDark ? "#c3ccd8" : "#39424e";
    const line = isDark ? "#333c48" : "#e3e7ec";
    const colors = isDark ? darkColors : lightColors;
    if (plot.lower) {
      drawForest(plot, canvas, colors, ink, line);
      return;
    }
    const isCategory = plot.series.some((series) => series.mark === "bars")
      || plot.x.some((x) => typeof x === "string");
    const series = seriesOf(plot);
    if (plot.group) canvas.parentElement.classList.add("tall");
    charts.push(new Chart(canvas, {
      data: {
        labels: isCategory ? labelsOf(plot.x) : undefined,
        datasets: series.map((_, index) =>
          datasetOf(plot, series, index, colors[index % colors.length], isCategory)),
      },
      options: {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        interaction: { mode: plot.hover ? "nearest" : "index", intersect: Boolean(plot.hover),
          axis: plot.hover ? "xy" : "x" },
        scales: {
          x: scale(isCategory ? "category" : plot.xAxis, plot.xTitle, ink, line),
          y: scale(plot.yAxis, plot.yTitle, ink, line),
        },
        plugins: {
          legend: { display: series.length > 1, labels: { color: ink, boxWidth: 14,
            sort: (left, right) => left.datasetIndex - right.datasetIndex,
            generateLabels: (chart) => Chart.defaults.plugins.legend.labels.generateLabels(chart)
              .map((label) => ({ ...label, lineDash: [] })) } },
          tooltip: { callbacks: plot.hover
            ? { title: (items) => items.map((item) => item.raw.name).slice(0, 3) } : {} },
        },
      },
    }));
    canvas.dataset.drawn = "yes";
  };

  const drawAll = (isDark) => {
    while (charts.length > 0) charts.pop().destroy();
    for (const plot of plots) draw(plot, isDark);
  };

  drawAll(dark.matches);
  dark.addEventListener("change", () => drawAll(dark.matches));
  window.addEventListener("beforeprint", () => drawAll(false));
  window.addEventListener("afterprint", () => drawAll(dark.matches));
})();
