// Fitness, fatigue and form over the days of a year; power and pace curves of a year beside all years.
"use strict";
(() => {
  const boxes = [...document.querySelectorAll("[data-fitness]")];
  const state = document.getElementById("fitness-state");
  const miles = boxes[0].dataset.units === "miles";
  const [METRES, UNIT] = miles ? [1609.344, "mi"] : [1000, "km"]; // international yard and pound agreement, 1959
  let charts = [];
  const clock = (seconds) => {
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.round(seconds) % 60];
    const pad = (n) => String(n).padStart(2, "0");
    return h ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
  };
  const width = (metres) => metres < 1000 ? `${metres} m` : `${+(metres / 1000).toFixed(1)} km`;
  const length = (s) => s < 60 ? `${s} s` : s < 3600 ? `${+(s / 60).toFixed(1)} min` : `${+(s / 3600).toFixed(1)} h`;

  fetch(boxes[0].dataset.fitness, { headers: { Accept: "application/json" } })
    .then((answer) => answer.ok ? answer.json() : Promise.reject(answer.status))
    .then((found) => {
      draw(found);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(found));
      new ResizeObserver(() => charts.forEach(([chart, box]) => chart.setSize(size(box)))).observe(boxes[0]);
    })
    .catch(() => { state.textContent = "The charts could not be loaded. Load the page again."; });

  const size = (box) => ({ width: Math.max(240, box.clientWidth), height: 260 });

  function draw(found) {
    charts.forEach(([chart]) => chart.destroy());
    charts = boxes.map((box) => [box.dataset.load ? load(box, found.load[box.dataset.load]) : curve(box, found.curves[box.dataset.curve]), box]);
  }

  const onDay = (at) => new Date(at * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = () => ({ stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } });
  const line = (label, name, more = {}) => ({ label, stroke: colour(name), width: 2, points: { show: false }, ...more });

  function load(box, series) {
    const days = series.days.map((day) => Date.parse(day) / 1000);
    return new uPlot({
      ...size(box),
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      cursor: { drag: { x: true, y: false } },
      axes: [{ ...axis(), space: 60, values: (_, ticks) => ticks.map(onDay) }, axis()],
      series: [{ label: "day", value: "{YYYY}-{MM}-{DD}" }, line("fitness", "--accent"), line("fatigue", "--quiet", { dash: [6, 4] }), line("form", "--good", { dash: [2, 3] })],
    }, [days, series.fitness, series.fatigue, series.form], box);
  }

  function curve(box, windows) {
    const pace = box.dataset.curve === "pace";
    const widths = Object.keys(windows).map(Number).sort((a, b) => a - b);
    const of = (which) => widths.map((each) => {
      const best = windows[each.toFixed(1)]?.[which] ?? windows[each]?.[which];
      return best ? (pace ? best.value / each * METRES : best.value) : null;
    });
    const text = pace ? (v) => `${clock(v)} /${UNIT}` : (v) => `${Math.round(v)} W`;
    const shown = (_, v) => v === null ? "–" : text(v);
    return new uPlot({
      ...size(box),
      cursor: { drag: { x: false, y: false } },
      scales: { x: { time: false, distr: 3, log: 10, range: (_, least, most) => [least, most] }, y: pace ? { dir: -1 } : {} },
      axes: [{ ...axis(), splits: () => widths, values: (_, ticks) => ticks.map((v, i) => i % 2 ? "" : pace ? width(v) : length(v)), filter: (_, ticks) => ticks }, { ...axis(), size: 70, values: (_, ticks) => ticks.map(text) }],
      series: [{ label: "over", value: (_, v) => v === null ? "–" : pace ? width(v) : length(v) }, line("this year", "--accent", { value: shown, spanGaps: true }), line("all years", "--quiet", { value: shown, dash: [6, 4] })],
    }, [widths, of("of_year"), of("of_all")], box);
  }
})();
