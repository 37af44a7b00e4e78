// The track of an activity: a map, and height, speed, heart rate and power over distance or time.
// One place on the track is shown in all of them; a slider moves it, for the keyboard.
"use strict";
(() => {
  const box = document.getElementById("track");
  const state = document.getElementById("track-state");
  const miles = box.dataset.units === "miles";
  const METRES = miles ? 1609.344 : 1000;
  const FEET = miles ? 0.3048 : 1;
  const foot = ["run", "walk"].includes(box.dataset.group);
  const { clock, colour, innerRange, paceTicks, STANDING } = chartParts;
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
  let track, marker, charts = [], over = "distance", moving = false;

  fetch(box.dataset.track, { headers: { Accept: "application/json" } })
    .then((answer) => answer.ok ? answer.json() : Promise.reject(answer.status))
    .then((found) => { track = found.track; show(found.recorded); })
    .catch(() => { state.textContent = "The track could not be loaded. Load the page again."; });

  function show(recorded) {
    state.textContent = `${recorded.toLocaleString("en")} recorded points.`;
    drawMap();
    const places = document.querySelectorAll("input[name=over]");
    if (!track.distance) {
      over = "time";
      places.forEach((each) => { each.checked = each.value === "time"; each.disabled = each.value !== "time"; });
    }
    places.forEach((each) => each.addEventListener("change", () => { over = each.value; drawCharts(); }));
    const slider = document.getElementById("track-place");
    slider.max = track.time.length - 1;
    slider.addEventListener("input", () => point(+slider.value));
    document.getElementById("track-tools").hidden = false;
    drawCharts();
    box.dataset.ready = "";
    new ResizeObserver(() => charts.forEach((each) => each.setSize(size()))).observe(document.getElementById("track-charts"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
  }

  function drawMap() {
    if (!track.latitude || !track.longitude) return;
    const parts = [[]];
    track.latitude.forEach((latitude, i) => {
      if (latitude === null) { if (parts.at(-1).length) parts.push([]); } else parts.at(-1).push([latitude, track.longitude[i]]);
    });
    const kept = parts.filter((part) => part.length);
    const holder = document.getElementById("track-map");
    holder.hidden = false;
    const map = groundMap(holder, { units: box.dataset.units, scrollWheelZoom: false });
    const line = L.polyline(kept, { className: "track-line" }).addTo(map);
    const ends = [["track-begin", kept[0][0]], ["track-end", kept.at(-1).at(-1)]];
    for (const [className, at] of ends) L.circleMarker(at, { className, radius: 6 }).addTo(map);
    marker = L.circleMarker(kept[0][0], { className: "track-here", radius: 7 });
    marker.addTo(map);
    map.fitBounds(line.getBounds(), { padding: [16, 16], maxZoom: 17 });
  }

  function drawCharts() {
    const holder = document.getElementById("track-charts");
    charts.forEach((each) => each.destroy());
    const xs = filled(track[over] ?? track.time);
    charts = KINDS.filter(([name]) => track[name]).map((kind) => chart(holder, xs, ...kind));
  }

  const size = () => ({ width: Math.max(240, document.getElementById("track-charts").clientWidth), height: 170 });

  function chart(holder, xs, name, title, scale, text) {
    const axis = chartParts.axis();
    // by the speeds of most of the way: where one stands, a pace is endless, and a run would be a level line
    const inner = name === "speed" && foot ? innerRange(track.speed) : null;
    const y = inner && { range: () => inner };
    const splits = inner && ((_, __, low, high) => paceTicks(METRES, low, high));
    return new uPlot({
      ...size(),
      title,
      cursor: { sync: { key: "track" }, y: false, drag: { x: true, y: false } },
      legend: { show: false },
      scales: { x: { time: false }, ...(y && { y }) },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map(AXES[over]), space: 70, incrs: over === "time" ? [10, 30, 60, 300, 600, 1200, 1800, 3600, 7200, 14400] : [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100].map((n) => n * METRES) },
        { ...axis, ...(splits && { splits }), values: (_, ticks) => ticks.map(text), size: 78 },
      ],
      series: [{}, { label: title, stroke: colour("--accent"), width: 1.5, points: { show: false }, spanGaps: false }],
      hooks: { setCursor: [(each) => { if (!moving && each.cursor.event && each.cursor.idx !== null) tell(each.cursor.idx); }] },
    }, [xs, track[name].map((v) => v === null ? null : v * scale)], holder);
  }

  // gaps have no place of their own: they stand where the stretch before them ended
  function filled(values) {
    let last = 0;
    return values.map((value) => { last = value === null ? last : Math.max(last, value); return last; });
  }

  function point(i) {
    moving = true;
    for (const each of charts) each.setCursor({ left: each.valToPos(each.data[0][i], "x"), top: 20 });
    moving = false;
    tell(i);
  }

  function tell(i) {
    const parts = [];
    if (track.distance && track.distance[i] !== null) parts.push(AXES.distance(track.distance[i]));
    if (track.time[i] !== null) parts.push(clock(track.time[i]));
    for (const [name, , scale, text] of KINDS) if (track[name] && track[name][i] !== null) parts.push(text(track[name][i] * scale));
    const slider = document.getElementById("track-place"), words = parts.join(", ") || "a pause";
    slider.value = i;
    slider.setAttribute("aria-valuetext", words);
    document.getElementById("track-values").textContent = words;
    if (marker && track.latitude[i] !== null) marker.setLatLng([track.latitude[i], track.longitude[i]]);
  }
})();
