// Fitness, fatigue and form over days; power and pace curves of a period beside all years.
"use strict";
(() => {
  const { axis, day, line, size, onDay, keep, speeds, STEPS } = chartParts;
  const boxes = [...document.querySelectorAll("[data-fitness]")];
  const state = document.getElementById("fitness-state");

  fetchJson(boxes[0].dataset.fitness)
    .then((found) => keep(boxes, (box) => box.dataset.curve ? curve(box, found.curves[box.dataset.curve]) : load(box, found.load)))
    .catch(() => { state.textContent = "The charts could not be loaded. Load the page again."; });

  function load(box, series) {
    const days = series.days.map((day) => Date.parse(day) / 1000), value = (_, v) => v === null ? "–" : Math.round(v);
    const form = (_, v, __, place) => v === null ? "–" : Math.round(series.fitness[place]) - Math.round(series.fatigue[place]);
    return new uPlot({
      ...size(box),
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      cursor: { drag: { x: true, y: false } },
      axes: [{ ...axis(), space: 60, values: (_, ticks) => ticks.map((at) => onDay(at)) }, axis()],
      series: [day, line("fitness", "--accent", { value }), line("fatigue", "--quiet", { value, dash: [6, 4] }), line("form", "--good", { value: form, dash: [2, 3] })],
    }, [days, series.fitness, series.fatigue, series.form], box);
  }

  function curve(box, windows) {
    const { METRES, paced, over, pace, fast } = speeds(box), names = box.dataset.names.split("|"); // of the windows, in the order of their widths
    const isOfTimes = box.dataset.curve === "pace", isPace = isOfTimes && paced;
    const sorted = Object.entries(windows).map(([width, best]) => [Number(width), best]).sort(([a], [b]) => a - b);
    const widths = sorted.map(([width]) => width);
    const told = isPace ? (width, seconds) => seconds / width * over : isOfTimes ? (width, seconds) => width / seconds * 3600 / METRES : (_, watts) => watts;
    const of = (which) => sorted.map(([width, best]) => best[which] && told(width, best[which].value));
    const text = isPace ? pace : isOfTimes ? fast : (v) => `${Math.round(v)} W`;
    // of those too close to the one before, which would be written into each other, no name is written
    const apart = (chart, ticks) => {
      let last = -Infinity;
      const place = (v) => Math.log(v / ticks[0]) / Math.log(ticks.at(-1) / ticks[0]) * (chart.width - 110);
      return ticks.map((v) => place(v) - last < 68 ? "" : (last = place(v), name(v)));
    };
    const name = (width) => names[widths.indexOf(width)] ?? "–";
    const shown = (which) => (_, v, __, place) => {
      const perKilogram = v === null ? null : sorted[place]?.[1][which]?.watts_per_kg;
      return v === null ? "–" : perKilogram ? `${text(v)}, ${perKilogram.toFixed(2)} W/kg` : text(v);
    };
    return new uPlot({
      ...size(box),
      padding: [null, 40, null, null], // for half of the last name below the axis
      cursor: { drag: { x: false, y: false } },
      scales: { x: { time: false, distr: 3, log: 10, range: (_, least, most) => [least, most] }, y: isPace ? { dir: -1 } : {} },
      axes: [{ ...axis(), splits: () => widths, values: apart, filter: (_, ticks) => ticks }, { ...axis(), size: 78, ...(isPace && { incrs: STEPS }), values: (_, ticks) => ticks.map(text) }],
      series: [{ label: "over", value: (_, v) => v === null ? "–" : name(v) }, line(box.dataset.period, "--accent", { value: shown("of_period"), spanGaps: true }), line("all years", "--quiet", { value: shown("of_all"), dash: [6, 4] })],
    }, [widths, of("of_period"), of("of_all")], box);
  }
})();
