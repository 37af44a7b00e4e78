// The track of an activity: a map, and height, speed, heart rate and power over distance or time.
// One place on the track is shown in all of them; a slider moves it, for the keyboard. Laps are bands of the charts.
"use strict";
(() => {
  const box = document.getElementById("track");
  const state = document.getElementById("track-state");
  const { clock, colour } = chartParts;
  const { measured, AXES, filled, stretches, chart, view, begin, point, say } = trackParts(box);
  const chooser = document.getElementById("track-lap");
  let track, map, marker, lapLine, laps = [];

  fetchJson(box.dataset.track)
    .then((found) => { track = found.track; show(found); })
    .catch(() => { state.textContent = "The track could not be loaded. Load the page again."; });

  function show({ recorded, begins_at: begins }) {
    state.textContent = `${recorded.toLocaleString("en")} recorded points${begins ? "" : ", none of which has a time"}.`;
    drawMap();
    if (begins) offerLaps(Date.parse(begins) / 1000);
    begin({ tracks: [track], most: track.time.length - 1, draw: charts, said: tell });
  }

  function drawMap() {
    const kept = stretches(track);
    if (!kept.length) return;
    const holder = document.getElementById("track-map");
    holder.hidden = false;
    map = groundMap(holder, { units: box.dataset.units, scrollWheelZoom: false });
    const line = L.polyline(kept, { className: "track-line" }).addTo(map);
    lapLine = L.polyline([], { className: "track-lap" }).addTo(map);
    const ends = [["track-begin", kept[0][0]], ["track-end", kept.at(-1).at(-1)]];
    for (const [className, at] of ends) L.circleMarker(at, { className, radius: 6 }).addTo(map);
    marker = L.circleMarker(kept[0][0], { className: "track-here", radius: 7 });
    marker.addTo(map);
    map.fitBounds(line.getBounds(), { padding: [16, 16], maxZoom: 17 });
  }

  // the rows of the table of laps whose times lie within the track; each gets a button, and a place in the list above the charts
  function offerLaps(begins) {
    const times = filled(track.time), last = times.at(-1);
    for (const cell of document.querySelectorAll("[data-lap]")) {
      const from = Date.parse(cell.dataset.lap) / 1000 - begins, to = from + Number(cell.dataset.lasts);
      if (!(from > -2 && from < last && to > from)) continue; // a lap may begin a moment before the first point
      const index = (seconds) => { const i = times.findIndex((time) => time >= seconds); return i < 0 ? times.length - 1 : i; };
      laps.push({ cell, from: index(from), to: index(to), name: cell.textContent.trim() });
    }
    if (laps.length < 2) { laps = []; return; }
    laps.forEach(({ cell, name }, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "lap";
      button.setAttribute("aria-label", `${name}: show on the charts`);
      button.append(...cell.childNodes);
      button.addEventListener("click", () => { chooser.value = i; chosen(); chooser.focus(); });
      cell.append(button);
      chooser.append(new Option(name, i));
    });
    chooser.addEventListener("change", chosen);
    document.getElementById("track-laps").hidden = false;
  }

  function chosen() {
    const lap = laps[chooser.value];
    if (lapLine) lapLine.setLatLngs(lap ? stretches({ latitude: track.latitude.slice(lap.from, lap.to + 1), longitude: track.longitude.slice(lap.from, lap.to + 1) }) : []);
    view.charts.forEach((each) => each.redraw(false));
    if (lap) point(lap.from);
  }

  // below the line of a chart: where laps begin, as far as these can be told apart, and the chosen one
  function drawLaps({ ctx, bbox, data: [xs], valToPos }) {
    const at = (i) => Math.min(Math.max(valToPos(xs[i], "x", true), bbox.left), bbox.left + bbox.width);
    const lap = laps[chooser.value];
    ctx.save();
    if (lap) {
      ctx.fillStyle = colour("--tint");
      ctx.fillRect(at(lap.from), bbox.top, Math.max(2, at(lap.to) - at(lap.from)), bbox.height);
    }
    ctx.strokeStyle = colour(lap ? "--edge" : "--before");
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    if (laps.length < bbox.width / 8) for (const each of laps.slice(1)) {
      ctx.moveTo(at(each.from), bbox.top);
      ctx.lineTo(at(each.from), bbox.top + bbox.height);
    }
    ctx.stroke();
    ctx.restore();
  }

  function charts() {
    const xs = filled(track[view.over] ?? track.time), hooks = { drawAxes: [drawLaps] };
    return measured(track)
      .map((kind) => chart({ kind, xs, hooks, lines: [{ label: kind[1], values: track[kind[0]], stroke: colour("--accent") }] }));
  }

  function tell(i) {
    const parts = [];
    if (track.distance && track.distance[i] !== null) parts.push(AXES.distance(track.distance[i]));
    if (track.time[i] !== null) parts.push(clock(track.time[i]));
    for (const [name, , scale, text] of measured(track)) if (track[name][i] !== null) parts.push(text(track[name][i] * scale));
    say(i, parts.join(", ") || "a pause");
    if (marker && track.latitude[i] !== null) marker.setLatLng([track.latitude[i], track.longitude[i]]);
  }
})();
