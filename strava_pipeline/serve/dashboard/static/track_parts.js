// What the pages of one track and of two share: what is charted, in which units, the axes, the stretches of a line on a map.
"use strict";
const trackParts = (box) => {
  const { axis, clock, innerRange, paceTicks, STANDING } = chartParts;
  const miles = box.dataset.units === "miles";
  const METRES = miles ? 1609.344 : 1000;
  const FEET = miles ? 0.3048 : 1;
  const foot = ["run", "walk"].includes(box.dataset.group);
  const rounded = (v) => String(+v.toFixed(1));
  const pace = (v) => v > STANDING ? `${clock(METRES / v)} /${miles ? "mi" : "km"}` : "–";
  // column, title, what a value is multiplied by to be in the unit of the chart, its text there
  const KINDS = [
    ["altitude", "Height", 1 / FEET, (v) => `${Math.round(v)} ${miles ? "ft" : "m"}`],
    ["speed", foot ? "Pace" : "Speed", foot ? 1 : 3600 / METRES, foot ? pace : (v) => `${rounded(v)} ${miles ? "mph" : "km/h"}`],
    ["heartrate", "Heart rate", 1, (v) => `${Math.round(v)} bpm`],
    ["watts", "estimated" in box.dataset ? "Power, estimated" : "Power", 1, (v) => `${Math.round(v)} W`],
    ["cadence", "Cadence", 1, (v) => `${Math.round(v)} /min`],
  ];
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

  // a chart of one kind: `lines` ({ label, values, … }) over `xs`, whose unit is that of `over`
  function chart(holder, { kind: [name, title, scale, text], over, xs, lines, hooks, size, incrs }) {
    // by the speeds of most of the way: where one stands, a pace is endless, and a run would be a level line
    const inner = name === "speed" && foot ? innerRange(lines.flatMap(({ values }) => values)) : null;
    return new uPlot({
      ...size,
      title,
      cursor: { sync: { key: "track" }, y: false, drag: { x: true, y: false } },
      legend: { show: false },
      scales: { x: { time: false }, ...(inner && { y: { range: () => inner } }) },
      axes: [
        { ...axis(), values: (_, ticks) => ticks.map(AXES[over]), space: 70, incrs: TICKS[over] },
        { ...axis(), ...(incrs && { incrs }), ...(inner && { splits: (_, __, low, high) => paceTicks(METRES, low, high) }), values: (_, ticks) => ticks.map(text), size: 78 },
      ],
      series: [{}, ...lines.map(({ values, ...line }) => ({ width: 1.5, points: { show: false }, spanGaps: false, ...line }))],
      hooks,
    }, [xs, ...lines.map(({ values }) => values.map((v) => v === null ? null : v * scale))], holder);
  }

  return { KINDS, AXES, filled, stretches, chart };
};
