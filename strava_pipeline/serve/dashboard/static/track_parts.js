// What the pages of one track and of two share: what is charted, in which units, the axes, the stretches of a line on a map.
"use strict";
const trackParts = (box) => {
  const { axis, clock, innerRange, paceTicks, speeds } = chartParts;
  const slider = document.getElementById("track-place"), holder = document.getElementById("track-charts");
  const view = { over: "recordings" in box.dataset ? "time" : "distance", charts: [] };
  let tell, moving = false;
  const { METRES, miles, paced, over, fast, text: speed } = speeds(box);
  const FEET = miles ? 0.3048 : 1;
  // column, title, what a value is multiplied by to be in the unit of the chart, its text there
  const KINDS = [
    ["altitude", "Height", 1 / FEET, (v) => `${Math.round(v)} ${miles ? "ft" : "m"}`],
    ["speed", paced ? "Pace" : "Speed", paced ? 1 : 3600 / METRES, paced ? speed : fast],
    ["heartrate", "Heart rate", 1, (v) => `${Math.round(v)} bpm`],
    ["watts", "estimated" in box.dataset ? "Power, estimated" : "Power", 1, (v) => `${Math.round(v)} W`],
    ["cadence", "Cadence", 1, (v) => `${Math.round(v)} /min`],
  ];
  // those that any of the tracks has: 0 throughout was not measured, and speeds of two sports are not compared
  const measured = (...tracks) => KINDS.filter(([name]) =>
    !(name === "speed" && box.dataset.group === "mixed") && tracks.some((track) => track[name]?.some(Boolean)));
  const AXES = {
    time: clock,
    distance: (v) => `${+(v / METRES).toFixed(1)} ${miles ? "mi" : "km"}`,
  };
  const TICKS = {
    time: [10, 30, 60, 300, 600, 1200, 1800, 3600, 7200, 14400],
    distance: [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100].map((n) => n * METRES),
  };

  // gaps have no place of their own: they stand where the stretch before them ended
  function filled(values) {
    let last = 0;
    return values.map((value) => { last = value === null ? last : Math.max(last, value); return last; });
  }

  // the positions between gaps, [] where there is none
  function stretches({ latitude, longitude }) {
    const parts = [[]];
    if (latitude && longitude) latitude.forEach((north, i) => {
      if (north === null) { if (parts.at(-1).length) parts.push([]); } else parts.at(-1).push([north, longitude[i]]);
    });
    return parts.filter((part) => part.length);
  }

  // the charts that `draw` makes, over distance or time, and a slider with `most` places: `said` is given the one that is pointed at
  function begin({ tracks, most, draw, said }) {
    const choices = document.querySelectorAll("input[name=over]");
    const redraw = () => { view.charts.forEach((each) => each.destroy()); view.charts = draw(); };
    tell = said;
    const only = tracks.some((track) => !track.distance) ? "time" : tracks.some(({ time }) => !time.some((at) => at !== null)) && "distance";
    if (only) {
      view.over = only;
      choices.forEach((each) => { each.checked = each.value === only; each.disabled = each.value !== only; });
    }
    choices.forEach((each) => each.addEventListener("change", () => { view.over = each.value; redraw(); point(+slider.value); }));
    slider.max = most;
    slider.addEventListener("input", () => point(+slider.value));
    document.getElementById("track-tools").hidden = false;
    redraw();
    box.dataset.ready = "";
    new ResizeObserver(() => view.charts.forEach((each) => each.setSize(size()))).observe(holder);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  }

  const size = () => ({ width: Math.max(240, holder.clientWidth), height: 170 });

  function point(place) {
    moving = true;
    for (const each of view.charts) each.setCursor({ left: each.valToPos(each.data[0][place], "x"), top: 20 });
    moving = false;
    tell(place);
  }

  function say(place, words) {
    slider.value = place;
    slider.setAttribute("aria-valuetext", words);
    document.getElementById("track-values").textContent = words;
  }

  // a chart of one kind: `lines` ({ label, values, … }) over `xs`
  function chart({ kind: [name, title, scale, text], xs, lines, hooks, incrs }) {
    // by the speeds of most of the way: where one stands, a pace is endless, and a run would be a level line
    const inner = name === "speed" && paced ? innerRange(lines.flatMap(({ values }) => values)) : null;
    return new uPlot({
      ...size(),
      title,
      cursor: { sync: { key: "track" }, y: false, drag: { x: true, y: false } },
      legend: { show: false },
      scales: { x: { time: false }, ...(inner && { y: { range: () => inner } }) },
      axes: [
        { ...axis(), values: (_, ticks) => ticks.map(AXES[view.over]), space: 70, incrs: TICKS[view.over] },
        { ...axis(), ...(incrs && { incrs }), ...(inner && { splits: (_, __, low, high) => paceTicks(over, low, high) }), values: (_, ticks) => ticks.map(text), size: 78 },
      ],
      series: [{}, ...lines.map(({ values, ...line }) => ({ width: 1.5, points: { show: false }, spanGaps: false, ...line }))],
      hooks: { ...hooks, setCursor: [(each) => { if (!moving && each.cursor.event && each.cursor.idx !== null) tell(each.cursor.idx); }] },
    }, [xs, ...lines.map(({ values }) => values.map((v) => v === null ? null : v * scale))], holder);
  }

  return { measured, AXES, filled, stretches, chart, view, begin, point, say };
};
