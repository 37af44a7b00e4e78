// What was done on a route or a segment over the years: the value of each day, and the best until then.
"use strict";
(() => {
  const { clock, axis, day, line, size, onDay, keep, speeds, STEPS } = chartParts;
  keep([...document.querySelectorAll("[data-years]")], (box) => {
    const { miles, text: speed } = speeds(box);
    const time = { text: clock, less: true, incrs: STEPS };
    const KINDS = { // by field: the text of a value, and whether less is better
      elapsed_time_seconds: time,
      moving_time_seconds: time,
      average_speed: { text: speed },
      metres_per_beat: { text: miles ? (v) => `${(v / 0.9144).toFixed(2)} yd` : (v) => `${v.toFixed(2)} m` },
    };
    const { text, less, incrs } = KINDS[box.dataset.years];
    const days = box.dataset.days.split(" ").map((day) => Date.parse(day) / 1000).reverse(); // the oldest first
    const values = box.dataset.values.split(" ").map(Number).reverse();
    let record = values[0];
    const best = values.map((value) => (record = less ? Math.min(record, value) : Math.max(record, value)));
    const value = (_, v) => v === null ? "–" : text(v);
    return new uPlot({
      ...size(box, 220),
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      cursor: { drag: { x: true, y: false } },
      scales: { y: { dir: less ? -1 : 1 } }, // the better, the higher
      axes: [{ ...axis(), space: 90, values: (_, ticks) => ticks.map((at) => onDay(at, "numeric")) }, { ...axis(), size: 78, ...(incrs && { incrs }), values: (_, ticks) => ticks.map(text) }],
      series: [day, line("on the day", "--accent", { value, width: 0, points: { show: true, size: 6 } }), line("best until then", "--quiet", { value, paths: uPlot.paths.stepped({ align: 1 }) })],
    }, [days, values, best], box);
  });
})();
