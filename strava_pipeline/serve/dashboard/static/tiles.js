// Explorer tiles: squares of the part of the map that is seen, drawn on one canvas, with the largest cluster and the largest square.
// Nothing is computed here: /api/tiles gives the tiles, /api/tiles/totals what they come to.
"use strict";
(() => {
  const box = document.getElementById("tiles");
  const state = document.getElementById("tiles-state");
  const ZOOM = Number(box.dataset.zoom);
  const { colour, corners, fetched, newMap, seen, begin } = canvasMap;
  const ask = (address, more = {}) => fetched(new URL(address, location.href), more);
  const map = newMap(box, 17);
  const inCluster = new Set();
  let shown = [], totals, turn = 0;

  const layer = canvasMap.layer((pen, origin) => {
    const edge = 256 * 2 ** (map.getZoom() - ZOOM), gap = edge > 6 ? 1 : 0;
    const least = Math.max(edge - gap, 1), fill = (x, y) => pen.fillRect(x * edge - origin.x, y * edge - origin.y, least, least);
    pen.globalAlpha = 0.55;
    pen.fillStyle = colour("--tile-visited");
    for (const [x, y] of shown) if (!inCluster.has(`${x}/${y}`)) fill(x, y);
    pen.fillStyle = colour("--tile-cluster");
    for (const [y, first, last] of totals.cluster) for (let x = first; x <= last; x++) fill(x, y);
    pen.globalAlpha = 1;
    if (!totals.square) return;
    const { x, y, side } = totals.square;
    [pen.strokeStyle, pen.lineWidth] = [colour("--tile-square"), 3];
    pen.strokeRect(x * edge - origin.x, y * edge - origin.y, Math.max(side * edge, 3), Math.max(side * edge, 3));
  });

  function look() {
    const mine = ++turn;
    ask(box.dataset.explorer, { box: seen(map) })
      .then(({ tiles, next }) => {
        if (mine !== turn) return;
        shown = Object.keys(tiles).map((place) => place.split("/").map(Number));
        layer.draw();
        box.dataset.ready = "";
        const many = shown.length === 1 ? "1 tile" : `${shown.length.toLocaleString("en")} tiles`;
        state.textContent = `${many} in this part of the map.${next === null ? "" : " Those that were visited first are left out: look closer to see them."}`;
      })
      .catch(failed);
  }

  const failed = () => { state.textContent = "The map could not be loaded. Load the page again."; };

  ask(box.dataset.totals).then((found) => {
    totals = found;
    if (!found.square) {
      map.fitWorld();
      state.textContent = "No track is of this sport.";
      box.dataset.ready = "";
      return;
    }
    for (const [row, first, last] of found.cluster) for (let column = first; column <= last; column++) inCluster.add(`${column}/${row}`);
    const { x, y, side } = found.square, edge = found.cluster.length ? 0 : 4;
    const rows = [...found.cluster, [y - edge, x - edge, x + side - 1 + edge], [y + side - 1 + edge, x, x]];
    const [top, left] = [0, 1].map((at) => Math.min(...rows.map((each) => each[at])));
    const [bottom, right] = [0, 2].map((at) => Math.max(...rows.map((each) => each[at])) + 1);
    map.fitBounds(corners(left, top, right, bottom, ZOOM), { animate: false });
    begin(map, layer, look);
  }).catch(failed);
})();
