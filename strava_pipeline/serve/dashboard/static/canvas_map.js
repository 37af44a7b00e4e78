// What the map of lines and that of tiles share (heat.js, tiles.js): corners of squares, one canvas over the part that is seen, and asking again elsewhere.
"use strict";
const canvasMap = (() => {
  const HIGHEST = 85.05; // degrees: where the map of squares ends
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const longitude = (x, zoom) => x / 2 ** zoom * 360 - 180;
  const latitude = (y, zoom) => Math.atan(Math.sinh(Math.PI * (1 - 2 * y / 2 ** zoom))) * 180 / Math.PI;
  const corners = (west, north, east, south, zoom) => [[latitude(south, zoom), longitude(west, zoom)], [latitude(north, zoom), longitude(east, zoom)]];
  const fetched = (address, more) => {
    for (const [name, value] of Object.entries(more)) address.searchParams.set(name, value);
    return fetchJson(address);
  };
  const newMap = (box, maxZoom) => groundMap(box, { units: box.dataset.units, maxBounds: [[-HIGHEST, -180], [HIGHEST, 180]], minZoom: 2, maxZoom });

  // `paint(pen, origin)`: draws on the cleared canvas; a place of a square times its width, less `origin`, is a pixel of it
  const Canvas = L.Layer.extend({
    initialize(paint) { this.paint = paint; },
    onAdd(map) {
      this.canvas = L.DomUtil.create("canvas", "leaflet-zoom-hide", map.getPane("overlayPane"));
      this.canvas.setAttribute("aria-hidden", "true");
    },
    draw() {
      const map = this._map, size = map.getSize(), dense = window.devicePixelRatio || 1, corner = map.containerPointToLayerPoint([0, 0]);
      L.DomUtil.setPosition(this.canvas, corner);
      [this.canvas.width, this.canvas.height] = [size.x * dense, size.y * dense];
      [this.canvas.style.width, this.canvas.style.height] = [`${size.x}px`, `${size.y}px`];
      const pen = this.canvas.getContext("2d", { willReadFrequently: true });
      pen.scale(dense, dense);
      this.paint(pen, map.getPixelOrigin().add(corner));
    },
  });

  function seen(map) {
    const part = map.getBounds().pad(0.1);
    return [Math.max(part.getWest(), -180), Math.max(part.getSouth(), -90), Math.min(part.getEast(), 180), Math.min(part.getNorth(), 90)]
      .map((each) => each.toFixed(5)).join(",");
  }

  function begin(map, layer, look) {
    let waiting;
    layer.addTo(map);
    look();
    map.on("moveend resize", () => { layer.draw(); clearTimeout(waiting); waiting = setTimeout(look, 150); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => layer.draw());
  }

  return { colour, corners, fetched, newMap, layer: (paint) => new Canvas(paint), seen, begin };
})();
