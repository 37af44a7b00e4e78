// A route: its way on a map, and what was done on it over the years.
"use strict";
(() => {
  const box = document.getElementById("route");
  const state = document.getElementById("route-state");
  fetch(box.dataset.track, { headers: { Accept: "application/json" } })
    .then((answer) => answer.ok ? answer.json() : Promise.reject(answer.status))
    .then(({ track }) => {
      const parts = [[]];
      (track.latitude ?? []).forEach((latitude, i) => {
        if (latitude === null) { if (parts.at(-1).length) parts.push([]); } else parts.at(-1).push([latitude, track.longitude[i]]);
      });
      const way = parts.filter((part) => part.length);
      const map = groundMap(document.getElementById("route-map"), { units: box.dataset.units, scrollWheelZoom: false });
      const line = L.polyline(way, { className: "track-line" }).addTo(map);
      for (const [className, at] of [["track-begin", way[0][0]], ["track-end", way.at(-1).at(-1)]]) L.circleMarker(at, { className, radius: 6 }).addTo(map);
      map.fitBounds(line.getBounds(), { padding: [16, 16], maxZoom: 17 });
      state.textContent = "The way of the first one.";
    })
    .catch(() => { state.textContent = "The track of the first one could not be loaded. Load the page again."; })
    .finally(() => { box.dataset.ready = ""; });

  const boxes = [...document.querySelectorAll("[data-route]")];
  if (!boxes.length) return;
  const { clock, axis, line, size, onDay, keep, STANDING, STEPS } = chartParts;
  const miles = box.dataset.units === "miles", METRES = miles ? 1609.344 : 1000;
  const foot = ["run", "walk", "swim"].includes(box.dataset.group);
  const KINDS = { // by field: the text of a value, and whether less is better
    moving_time_seconds: { text: clock, less: true, incrs: STEPS },
    average_speed: { text: foot ? (v) => v > STANDING ? `${clock(METRES / v)} /${miles ? "mi" : "km"}` : "–" : (v) => `${+(v * 3600 / METRES).toFixed(1)} ${miles ? "mph" : "km/h"}` },
    metres_per_beat: { text: miles ? (v) => `${(v / 0.9144).toFixed(2)} yd` : (v) => `${v.toFixed(2)} m` },
  };
  keep(boxes, (each) => {
    const { text, less, incrs } = KINDS[each.dataset.route];
    const days = each.dataset.days.split(" ").map((day) => Date.parse(day) / 1000).reverse(); // the oldest first
    const values = each.dataset.values.split(" ").map(Number).reverse();
    let record = values[0];
    const best = values.map((value) => (record = less ? Math.min(record, value) : Math.max(record, value)));
    const value = (_, v) => v === null ? "–" : text(v);
    return new uPlot({
      ...size(each, 220),
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      cursor: { drag: { x: true, y: false } },
      scales: { y: { dir: less ? -1 : 1 } }, // the better, the higher
      axes: [{ ...axis(), space: 90, values: (_, ticks) => ticks.map((at) => onDay(at, "numeric")) }, { ...axis(), size: 78, ...(incrs && { incrs }), values: (_, ticks) => ticks.map(text) }],
      series: [{ label: "day", value: "{YYYY}-{MM}-{DD}" }, line("on the day", "--accent", { value, width: 0, points: { show: true, size: 6 } }), line("best until then", "--quiet", { value, paths: uPlot.paths.stepped({ align: 1 }) })],
    }, [days, values, best], each);
  });
})();
