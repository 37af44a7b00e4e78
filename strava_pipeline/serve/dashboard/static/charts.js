// What the charts of several pages share: texts of values, colours, the range and the ticks of an axis.
"use strict";
const chartParts = (() => {
  const clock = (seconds) => {
    const whole = Math.round(seconds), pad = (n) => String(n).padStart(2, "0");
    const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    return h ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
  };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = () => ({ stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } });
  const day = { label: "day", value: (_, at) => at === null ? "" : dayText(at) };
  const line = (label, name, more = {}) => ({ label, stroke: colour(name), width: 2, points: { show: false }, ...more });
  const size = (box, height = 260) => ({ width: Math.max(240, box.clientWidth), height });
  const monthOf = (day) => day.toLocaleDateString("en-US", { month: "short", timeZone: "UTC" }); // in en-GB September has four letters
  const onDay = (at, year) => { const day = new Date(at * 1000); return `${day.getUTCDate()} ${monthOf(day)}${year ? ` ${day.getUTCFullYear()}` : ""}`; };
  // a day in the form that goals.toml says, as the texts of the page have it
  const dayText = (at) => {
    const day = new Date(at * 1000), pad = (n) => String(n).padStart(2, "0");
    const words = { mmm: monthOf(day), yyyy: day.getUTCFullYear(), mm: pad(day.getUTCMonth() + 1), dd: pad(day.getUTCDate()), d: day.getUTCDate() };
    return document.documentElement.dataset.dates.replace(/mmm|yyyy|mm|dd|d/g, (part) => words[part]);
  };

  // charts of boxes, drawn again when colours change, and as wide as each box is
  function keep(boxes, draw) {
    let charts = [];
    const isEmpty = ({ data }) => data.slice(1).every((values) => values.every((v) => v === null || v === undefined)); // axes of nothing
    const all = () => { charts.forEach((each) => each.destroy()); charts = boxes.map(draw); boxes.forEach((box, place) => { box.hidden = isEmpty(charts[place]); }); };
    all();
    boxes.forEach((box) => { box.dataset.ready = ""; });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
    const observer = new ResizeObserver((seen) => seen.forEach(({ target }) => charts[boxes.indexOf(target)].setSize(size(target))));
    boxes.forEach((box) => observer.observe(box));
  }

  const STANDING = 0.2; // m/s
  // how a speed (m/s) is told of a box's sports, as `speed` on the server does: as a pace on foot and in the water
  function speeds({ dataset: { units, group } }) {
    const miles = units === "miles", METRES = miles ? 1609.344 : 1000; // international yard and pound agreement, 1959
    const paced = ["run", "walk", "swim"].includes(group), over = group === "swim" ? 100 : METRES;
    const pace = (seconds) => `${clock(seconds)} /${group === "swim" ? "100 m" : miles ? "mi" : "km"}`, fast = (v) => `${+v.toFixed(1)} ${miles ? "mph" : "km/h"}`;
    return { METRES, miles, paced, over, pace, fast, text: (v) => !paced ? fast(v * 3600 / METRES) : v > STANDING ? pace(over / v) : "–" };
  }

  // from the 2nd to the 98th percentile of the speeds in motion, with a margin; null where nothing moved
  function innerRange(speeds) {
    const moving = speeds.filter((v) => v !== null && v > STANDING).sort((a, b) => a - b);
    if (!moving.length) return null;
    const low = moving[Math.floor((moving.length - 1) * 0.02)], high = moving[Math.ceil((moving.length - 1) * 0.98)];
    const margin = Math.max((high - low) * 0.05, high * 0.001);
    return [Math.max(low - margin, STANDING), high + margin];
  }

  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600]; // seconds between ticks of an axis of times or paces
  // the speeds (m/s) of round paces over `metres`, five at most, the slowest first: about evenly apart in speed, since from walking
  // to running paces are far apart where it is slow, and near each other where it is fast
  function paceTicks(metres, low, high) {
    const widest = (metres / low - metres / high) / 4, found = new Set();
    for (let place = 0; place < 5; place += 1) {
      const pace = metres / (low + (high - low) * (place + 0.5) / 5);
      const step = STEPS.filter((each) => each <= Math.min(pace / 12, widest)).at(-1) ?? 1;
      found.add(metres / (Math.round(pace / step) * step));
    }
    return [...found].filter((speed) => speed >= low && speed <= high);
  }

  return { clock, colour, axis, day, line, size, onDay, dayText, keep, innerRange, paceTicks, speeds, STANDING, STEPS };
})();
