// Explorer tiles: squares of the part of the map that is seen, drawn on one canvas, with the largest cluster and the largest square.
// Nothing is computed here: /api/tiles gives the tiles, /api/tiles/totals what they come to.
"use strict";
(() => {
  const box = document.getElementById("tiles");
  const state = document.getElementById("tiles-state");
  const ZOOM = Number(box.dataset.zoom), HIGHEST = 85.05;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const longitude = (x) => x / 2 ** ZOOM * 360 - 180;
  const latitude = (y) => Math.atan(Math.sinh(Math.PI * (1 - 2 * y / 2 ** ZOOM))) * 180 / Math.PI;
  const corners = (west, north, east, south) => [[latitude(south), longitude(west)], [latitude(north), longitude(east)]];
  const ask = (address, more = {}) => {
    const whole = new URL(address, location.href);
    for (const [name, value] of Object.entries(more)) whole.searchParams.set(name, value);
    return fetch(whole, { headers: { Accept: "application/json" } }).then((answer) => answer.ok ? answer.json() : Promise.reject(answer.status));
  };
  const map = groundMap(box, { units: box.dataset.units, maxBounds: [[-HIGHEST, -180], [HIGHEST, 180]], minZoom: 2, maxZoom: 17 });
  const inCluster = new Set();
  let shown = [], totals, turn = 0, waiting;

  const Tiles = L.Layer.extend({
    onAdd() {
      this.canvas = L.DomUtil.create("canvas", "leaflet-zoom-hide", map.getPane("overlayPane"));
      this.canvas.setAttribute("aria-hidden", "true");
    },
    draw() {
      const size = map.getSize(), dense = window.devicePixelRatio || 1;
      L.DomUtil.setPosition(this.canvas, map.containerPointToLayerPoint([0, 0]));
      [this.canvas.width, this.canvas.height] = [size.x * dense, size.y * dense];
      [this.canvas.style.width, this.canvas.style.height] = [`${size.x}px`, `${size.y}px`];
      const pen = this.canvas.getContext("2d");
      pen.scale(dense, dense);
      const edge = 256 * 2 ** (map.getZoom() - ZOOM), gap = edge > 6 ? 1 : 0;
      const origin = map.getPixelOrigin().add(map.containerPointToLayerPoint([0, 0]));
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
    },
  });
  const layer = new Tiles();

  function look() {
    const seen = map.getBounds().pad(0.1), mine = ++turn;
    const part = [Math.max(seen.getWest(), -180), Math.max(seen.getSouth(), -90), Math.min(seen.getEast(), 180), Math.min(seen.getNorth(), 90)];
    ask(box.dataset.explorer, { box: part.map((each) => each.toFixed(5)).join(",") })
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
    const { x, y, side } = found.square, around = Math.max(side / 2, 4);
    map.fitBounds(corners(x - around, y - around, x + side + around, y + side + around), { animate: false });
    layer.addTo(map);
    look();
    map.on("moveend resize", () => { layer.draw(); clearTimeout(waiting); waiting = setTimeout(look, 150); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => layer.draw());
  }).catch(failed);
})();
