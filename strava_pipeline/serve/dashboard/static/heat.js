// The heat map: squares of the places that activities came through, of the part of the map that is seen, drawn on one canvas; close up,
// the tracks themselves as lines. Nothing is computed here: /api/heat gives squares of a size that fits the scale of the map, the busiest
// first, and /api/heat/lines the tracks of the newest activities.
"use strict";
(() => {
  const box = document.getElementById("heat");
  const state = document.getElementById("heat-state");
  const FINER = 5; // zooms between a tile of the map (256 px) and a square on it (8 px, or 4 where that size was not counted)
  const LINES_FROM = 15; // zooms of the map at which squares would be wider than a street
  const PIXEL = 8; // zooms between a tile of the map and a pixel, in which lines are counted
  const REGION = 9; // zoom of the tiles that a region is made of: 50 km
  const { colour, corners, fetched, newMap, seen, begin } = canvasMap;
  let most = [1, 3, 9]; // activities of the first three colours; each has a share of the places that are seen
  const level = (activities) => 1 + most.filter((each) => activities > each).length;
  const SHARES = [0.4, 0.75, 0.93];
  const bounds = (cells, zoom) => {
    let [west, north, east, south] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const [x, y] of cells) {
      west = Math.min(west, x); east = Math.max(east, x + 1);
      north = Math.min(north, y); south = Math.max(south, y + 1);
    }
    return corners(west, north, east, south, zoom);
  };
  const answered = (what, more) => {
    const address = new URL(box.dataset.heat, location.href);
    address.pathname += what;
    return fetched(address, more);
  };
  const ask = (more) => answered("", more).then(({ zoom, cells, next }) => ({
    zoom, isWhole: next === null, cells: Object.entries(cells).map(([place, activities]) => [...place.split("/").map(Number), activities]),
  }));
  const askLines = (more) => answered("/lines", more).then(({ zoom, lines, is_whole }) => ({ zoom, isWhole: is_whole, lines: Object.values(lines) }));

  let shown = { zoom: 18, cells: [] }, turn = 0;
  const map = newMap(box, 18);

  const layer = canvasMap.layer((pen, origin) => {
    const edge = 256 * 2 ** (map.getZoom() - shown.zoom), least = Math.max(edge, 2);
    if (shown.lines) { drawLines(pen, edge, origin); return; }
    for (let wanted = 1; wanted <= 4; wanted++) { // the busiest places on top
      pen.fillStyle = colour(`--heat-${wanted}`);
      for (const [x, y, activities] of shown.cells) {
        if (level(activities) === wanted) pen.fillRect(x * edge - origin.x, y * edge - origin.y, least, least);
      }
    }
  });

  function drawLines(pen, edge, origin) {
    pen.strokeStyle = colour("--heat-2");
    [pen.lineWidth, pen.lineJoin, pen.globalAlpha] = [3, "round", 0.5]; // where several lead, they add up
    for (const line of shown.lines.flat()) {
      pen.beginPath();
      for (let at = 0; at < line.length; at += 2) pen.lineTo((line[at] + 0.5) * edge - origin.x, (line[at + 1] + 0.5) * edge - origin.y);
      pen.stroke();
    }
  }

  function look() {
    const mine = ++turn;
    const where = { box: seen(map) }, zoom = map.getZoom();
    state.textContent = "Loading…";
    (zoom < LINES_FROM ? ask({ zoom: zoom + FINER, ...where }) : askLines({ zoom: zoom + PIXEL, ...where }))
      .then((found) => { if (mine === turn) { shown = found; if (found.cells) scale(); layer.draw(); say(); } })
      .catch((status) => { if (mine === turn) failed(status); });
  }

  function scale() {
    const counts = shown.cells.map((cell) => cell[2]).sort((a, b) => a - b);
    let least = 0;
    most = SHARES.map((share) => { least = Math.max(least + 1, counts[Math.floor(share * counts.length)] ?? 0); return least; });
    const range = (from, to) => from === to ? from.toLocaleString("en") : `${from.toLocaleString("en")} to ${to.toLocaleString("en")}`;
    const texts = [...most.map((to, i) => range(i ? most[i - 1] + 1 : 1, to)), `${(most[2] + 1).toLocaleString("en")} or more`];
    document.querySelectorAll(".heat-legend span").forEach((each, i) => { each.textContent = texts[i]; });
  }

  function say() {
    box.dataset.ready = "";
    document.getElementById("heat-legend").hidden = Boolean(shown.lines);
    if (shown.lines) {
      const count = shown.lines.length;
      state.textContent = !count ? "There is nothing in this part of the map."
        : !shown.isWhole ? `The ${count} newest activities in this part of the map are drawn as lines; older ones are left out.`
          : count === 1 ? "1 activity in this part of the map, drawn as a line." : `${count} activities in this part of the map, drawn as lines.`;
      return;
    }
    const most = shown.cells.length ? shown.cells[0][2] : 0;
    const places = shown.cells.length === 1 ? "1 place" : `${shown.cells.length.toLocaleString("en")} places`;
    state.textContent = !shown.cells.length ? "There is nothing in this part of the map."
      : `${places} in this part of the map; the busiest saw ${most === 1 ? "1 activity" : `${most.toLocaleString("en")} activities`}.${shown.isWhole ? "" : " The quietest places are left out: look closer to see them."}`;
  }

  const failed = () => { state.textContent = "The map could not be loaded. Load the page again."; };

  ask({ zoom: 14 }).then((found) => {
    if (!found.cells.length) {
      map.fitWorld();
      state.textContent = "No track is of this sport and year.";
      box.dataset.ready = "";
      return;
    }
    const count = new Map(), size = 2 ** (found.zoom - REGION), of = ([x, y]) => [Math.floor(x / size), Math.floor(y / size)];
    for (const cell of found.cells) count.set(String(of(cell)), (count.get(String(of(cell))) ?? 0) + 1);
    const [column, row] = [...count].reduce((best, each) => each[1] > best[1] ? each : best)[0].split(",").map(Number);
    const near = found.cells.filter((cell) => { const [x, y] = of(cell); return Math.abs(x - column) <= 1 && Math.abs(y - row) <= 1; });
    const show = (cells) => map.fitBounds(bounds(cells, found.zoom), { animate: false });
    show(near);
    document.getElementById("heat-most").addEventListener("click", () => show(near));
    document.getElementById("heat-all").addEventListener("click", () => show(found.cells));
    begin(map, layer, look);
  }).catch(failed);
})();
