// Two tracks on one map and on charts over distance or time, and how far B is behind A. One place is shown in all of them.
"use strict";
(() => {
  const PLACES = 1000; // on a chart: a screen has some 1,100 columns for it
  const box = document.getElementById("track");
  const state = document.getElementById("track-state");
  const slider = document.getElementById("track-place");
  const { clock, colour, STEPS } = chartParts;
  const { KINDS, AXES, filled, stretches, chart } = trackParts(box);
  const LETTERS = ["A", "B"];
  let tracks, markers = [], charts = [], over = "distance", joined, moving = false;

  Promise.all(box.dataset.compare.split(" ").map((address) => fetch(address, { headers: { Accept: "application/json" } })
    .then((answer) => answer.ok ? answer.json() : Promise.reject(answer.status))))
    .then((found) => { tracks = found.map(({ track }) => track); show(); })
    .catch(() => { state.textContent = "The tracks could not be loaded. Load the page again."; });

  function show() {
    drawMap();
    const choices = document.querySelectorAll("input[name=over]");
    if (tracks.some((track) => !track.distance)) {
      over = "time";
      choices.forEach((each) => { each.checked = each.value === "time"; each.disabled = each.value !== "time"; });
    }
    choices.forEach((each) => each.addEventListener("change", () => { over = each.value; drawCharts(); point(+slider.value); }));
    slider.max = PLACES;
    slider.addEventListener("input", () => point(+slider.value));
    document.getElementById("track-tools").hidden = false;
    drawCharts();
    state.textContent = "";
    box.dataset.ready = "";
    new ResizeObserver(() => charts.forEach((each) => each.setSize(size()))).observe(document.getElementById("track-charts"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
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
    const along = tracks.map((track) => covered(track[over]));
    const others = tracks.map((track) => track.distance && covered(track[over === "distance" ? "time" : "distance"]));
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
      return a === null || b === null ? null : over === "distance" ? b - a : a - b;
    });
    return { xs, points, across, gap };
  }

  const sign = (v) => v < 0 ? "−" : "+";
  const size = () => ({ width: Math.max(240, document.getElementById("track-charts").clientWidth), height: 170 });
  const gapText = (v) => over === "distance" ? clock(Math.abs(v)) : AXES.distance(Math.abs(v));

  function drawCharts() {
    const holder = document.getElementById("track-charts");
    charts.forEach((each) => each.destroy());
    joined = join();
    const { xs, points, gap } = joined;
    const hooks = { setCursor: [(each) => { if (!moving && each.cursor.event && each.cursor.idx !== null) tell(each.cursor.idx); }] };
    const draw = (kind, lines, more) => chart(holder, { kind, over, xs, lines, hooks, size: size(), ...more });
    const looks = [{ stroke: colour("--accent") }, { stroke: colour("--second"), dash: [7, 4] }];
    charts = gap.some((v) => v !== null)
      ? [draw(["gap", "B behind A (+) or ahead (−)", 1, (v) => `${sign(v)}${gapText(v)}`], [{ label: "gap", values: gap, stroke: colour("--text") }], over === "distance" ? { incrs: STEPS } : {})] : [];
    for (const kind of KINDS.filter(([name]) => tracks.some((track) => track[name]))) {
      const values = tracks.map((track, t) => points[t].map((i) => i < 0 ? null : track[kind[0]]?.[i] ?? null));
      charts.push(draw(kind, values.map((each, t) => ({ label: LETTERS[t], values: each, ...looks[t] }))));
    }
  }

  function point(place) {
    moving = true;
    for (const each of charts) each.setCursor({ left: each.valToPos(joined.xs[place], "x"), top: 20 });
    moving = false;
    tell(place);
  }

  function tell(place) {
    const { xs, points, across, gap } = joined;
    const each = tracks.map((track, t) => {
      const i = points[t][place], said = [];
      if (i < 0) return `${LETTERS[t]} has ended`;
      if (track.time[i] === null) return `${LETTERS[t]} pauses`;
      if (across[t][place] !== null) said.push(over === "distance" ? clock(across[t][place]) : AXES.distance(across[t][place]));
      for (const [name, , scale, text] of KINDS) if (track[name] && track[name][i] !== null) said.push(text(track[name][i] * scale));
      if (markers[t] && track.latitude[i] !== null) markers[t].setLatLng([track.latitude[i], track.longitude[i]]);
      return `${LETTERS[t]} ${said.join(", ")}`;
    });
    const apart = gap[place] === null ? "" : `; B is ${gapText(gap[place])} ${gap[place] < 0 ? "ahead" : "behind"}`;
    const words = `${AXES[over](xs[place])}: ${each.join("; ")}${apart}`;
    slider.value = place;
    slider.setAttribute("aria-valuetext", words);
    document.getElementById("track-values").textContent = words;
  }
})();
