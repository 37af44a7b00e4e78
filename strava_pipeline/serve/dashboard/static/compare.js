// Two tracks on one map and on charts over distance or time, and how far B is behind A. One place is shown in all of them.
"use strict";
(() => {
  const PLACES = 1000; // on a chart: a screen has some 1,100 columns for it
  const box = document.getElementById("track");
  const state = document.getElementById("track-state");
  const { clock, colour, STEPS } = chartParts;
  const { measured, AXES, filled, stretches, chart, view, begin, say } = trackParts(box);
  const LETTERS = ["A", "B"], ofOneEffort = "recordings" in box.dataset;
  let tracks, markers = [], joined;

  Promise.all(box.dataset.compare.split(" ").map(fetchJson))
    .then((found) => { tracks = found.map(({ track }) => track); show(); })
    .catch(() => { state.textContent = "The tracks could not be loaded. Load the page again."; });

  function show() {
    drawMap();
    begin({ tracks, most: PLACES, draw: charts, said: tell });
    state.textContent = "";
  }

  function drawMap() {
    const kept = tracks.map(stretches);
    if (kept.every((lines) => !lines.length)) return;
    const holder = document.getElementById("track-map");
    holder.hidden = false;
    const map = groundMap(holder, { units: box.dataset.units, scrollWheelZoom: false });
    const lines = L.featureGroup(kept.map((line, i) => L.polyline(line, { className: i ? "track-second" : "track-line" }))).addTo(map);
    markers = kept.map((line, i) => line.length ? L.marker(line[0][0], {
      icon: L.divIcon({ className: `track-letter${i ? " second" : ""}`, html: LETTERS[i], iconSize: [22, 22], iconAnchor: [i ? 0 : 22, 11] }), keyboard: false, interactive: false,
    }).addTo(map) : null);
    map.fitBounds(lines.getBounds(), { padding: [16, 16], maxZoom: 17 });
  }

  // since the first point: the distance of a leg of a triathlon goes on from the one before
  function covered(values) {
    const first = values.find((value) => value !== null);
    return filled(values).map((value) => Math.max(0, value - first));
  }

  // both tracks at the same places: of each the last point before the place (-1: it has ended), and how far B is behind A
  function join() {
    const along = tracks.map((track) => covered(track[view.over]));
    const others = tracks.map((track) => track.distance && covered(track[view.over === "distance" ? "time" : "distance"]));
    const end = Math.max(...along.map((xs) => xs.at(-1)));
    const xs = Array.from({ length: PLACES + 1 }, (_, i) => end * i / PLACES);
    const points = along.map((line) => {
      let i = 0;
      return xs.map((x) => {
        if (x > line.at(-1)) return -1;
        while (i + 1 < line.length && line[i + 1] <= x) i += 1;
        return i;
      });
    });
    const between = (t, place) => {
      const i = points[t][place];
      if (i < 0 || !others[t]) return null;
      const step = (along[t][i + 1] ?? along[t][i]) - along[t][i], share = step > 0 ? (xs[place] - along[t][i]) / step : 0;
      return others[t][i] + share * ((others[t][i + 1] ?? others[t][i]) - others[t][i]);
    };
    const across = tracks.map((_, t) => xs.map((__, place) => between(t, place))); // the time at a distance, the distance at a time
    const gap = xs.map((_, place) => {
      const [a, b] = across.map((each) => each[place]);
      return a === null || b === null ? null : view.over === "distance" ? b - a : a - b;
    });
    return { xs, points, across, gap };
  }

  const sign = (v) => v < 0 ? "−" : "+";
  const gapText = (v) => view.over === "distance" ? clock(Math.abs(v)) : AXES.distance(Math.abs(v));

  function charts() {
    joined = join();
    const { xs, points, gap } = joined;
    const draw = (kind, lines, more) => chart({ kind, xs, lines, ...more });
    const looks = [{ stroke: colour("--accent") }, { stroke: colour("--second"), dash: [7, 4] }];
    const drawn = !ofOneEffort && gap.some((v) => v !== null)
      ? [draw(["gap", "B behind A (+) or ahead (−)", 1, (v) => `${sign(v)}${gapText(v)}`], [{ label: "gap", values: gap, stroke: colour("--text") }], view.over === "distance" ? { incrs: STEPS } : {})] : [];
    for (const kind of measured(...tracks)) {
      const values = tracks.map((track, t) => points[t].map((i) => i < 0 ? null : track[kind[0]]?.[i] ?? null));
      drawn.push(draw(kind, values.map((each, t) => ({ label: LETTERS[t], values: each, ...looks[t] }))));
      if (ofOneEffort && ["heartrate", "watts", "speed"].includes(kind[0]) && values.every((each) => each.some((v) => v !== null))) {
        const apart = values[0].map((v, i) => v === null || values[1][i] === null ? null : values[1][i] - v);
        drawn.push(draw([kind[0] === "speed" ? "apart" : kind[0], `${kind[1]}, B minus A`, kind[2], (v) => `${v < 0 ? "−" : "+"}${+Math.abs(v).toFixed(1)}`], [{ label: "B minus A", values: apart, stroke: colour("--text") }]));
      }
    }
    return drawn;
  }

  function tell(place) {
    const { xs, points, across, gap } = joined;
    const each = tracks.map((track, t) => {
      const i = points[t][place], said = [];
      if (i < 0) return `${LETTERS[t]} has ended`;
      if (track.time[i] === null) return `${LETTERS[t]} pauses`;
      if (across[t][place] !== null) said.push(view.over === "distance" ? clock(across[t][place]) : AXES.distance(across[t][place]));
      for (const [name, , scale, text] of measured(track)) if (track[name][i] !== null) said.push(text(track[name][i] * scale));
      if (markers[t] && track.latitude[i] !== null) markers[t].setLatLng([track.latitude[i], track.longitude[i]]);
      return `${LETTERS[t]} ${said.join(", ")}`;
    });
    const apart = ofOneEffort || gap[place] === null ? "" : `; B is ${gapText(gap[place])} ${gap[place] < 0 ? "ahead" : "behind"}`;
    say(place, `${AXES[view.over](xs[place])}: ${each.join("; ")}${apart}`);
  }
})();
