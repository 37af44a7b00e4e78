// The times on a segment over the years, and the best until then.
"use strict";
(() => {
  const { clock, axis, line, size, onDay, dayText, keep, STEPS } = chartParts;
  const boxes = [...document.querySelectorAll("[data-seconds]")];
  keep(boxes, (box) => {
    const days = box.dataset.days.split(" ").map((day) => Date.parse(day) / 1000).reverse(); // the oldest first
    const seconds = box.dataset.seconds.split(" ").map(Number).reverse();
    let least = Infinity;
    const best = seconds.map((each) => (least = Math.min(least, each)));
    const time = (_, v) => v === null ? "–" : clock(v);
    return new uPlot({
      ...size(box),
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      cursor: { drag: { x: true, y: false } },
      scales: { y: { dir: -1 } }, // the faster, the higher
      axes: [{ ...axis(), space: 90, values: (_, ticks) => ticks.map((at) => onDay(at, "numeric")) }, { ...axis(), size: 60, incrs: STEPS, values: (_, ticks) => ticks.map(clock) }],
      series: [{ label: "day", value: (_, at) => at === null ? "" : dayText(at) }, line("time", "--accent", { value: time, width: 0, points: { show: true, size: 6 } }), line("best until then", "--quiet", { value: time, paths: uPlot.paths.stepped({ align: 1 }) })],
    }, [days, seconds, best], box);
  });
})();
