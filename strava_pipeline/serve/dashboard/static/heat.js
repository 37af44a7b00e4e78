// The map of where one went, as lines by how many activities came through. From afar they are pictures, whose pixels are the places that
// were counted; close up, the tracks of the newest activities, counted here.
"use strict";
(() => {
  const box = document.getElementById("heat");
  const state = document.getElementById("heat-state");
  const LINES_FROM = 14; // zooms of the map at which the places that were counted would be wider than a street
  const PIXEL = 8; // zooms between a tile of the map and a pixel, in which lines are counted
  const WIDER = 2; // zooms between a tile of the map and a picture
  const LEVELS = box.dataset.levels.split("-").map(Number);
  const OF_ONE = 4; // of the 255 steps of a pixel's opacity, what an activity adds: 63 can be counted, and edges are smooth
  const { colour, fetched, newMap, seen, begin } = canvasMap;
  const colours = () => [1, 2, 3, 4].map((level) => colour(`--heat-${level}`).slice(1));
  const area = (name) => {
    const [west, south, east, north] = box.dataset[name].split(",").map(Number);
    return [[south, west], [north, east]];
  };
  const ready = (text) => { box.dataset.ready = ""; state.textContent = text; };
  const failed = () => { state.textContent = "The map could not be loaded. Load the page again."; };
  let shown = { lines: [] }, turn = 0, isBroken = false;

  const map = newMap(box, 18);
  // not L.TileLayer, which empties pictures by a `data:` address that the page's policy refuses
  const Pictures = L.GridLayer.extend({
    createTile({ x, y, z }, done) {
      const picture = L.DomUtil.create("img");
      [picture.alt, picture.onload, picture.onerror] = ["", () => done(null, picture), () => done(new Error(), picture)];
      picture.src = `${L.Util.template(box.dataset.pictures, { x, y, z: z - WIDER })}&levels=${box.dataset.levels}&colours=${colours().join("-")}`;
      return picture;
    },
  });
  const pictures = new Pictures({ pane: "overlayPane", bounds: area("everywhere"), tileSize: 256 * 2 ** WIDER, maxZoom: LINES_FROM - 1 })
    .on("loading", () => { isBroken = false; }).on("tileerror", () => { isBroken = true; }).on("load", () => isBroken ? failed() : ready(""));
  const layer = canvasMap.layer((pen, origin) => {
    if (!isNear() || !shown.lines.length) return;
    const edge = 256 * 2 ** (map.getZoom() - shown.zoom), { width, height } = pen.canvas;
    [pen.lineWidth, pen.lineJoin, pen.globalAlpha, pen.globalCompositeOperation] = [3, "round", OF_ONE / 255, "lighter"];
    for (const activity of shown.lines) {
      pen.beginPath();
      for (const line of activity) {
        for (let at = 0; at < line.length; at += 2) pen[at ? "lineTo" : "moveTo"]((line[at] + 0.5) * edge - origin.x, (line[at + 1] + 0.5) * edge - origin.y);
      }
      pen.stroke();
    }
    const picture = pen.getImageData(0, 0, width, height), { data } = picture;
    const shades = colours().map((each) => [0, 2, 4].map((from) => parseInt(each.slice(from, from + 2), 16)));
    const painted = Array.from({ length: 256 }, (_, sum) => [...shades[LEVELS.filter((most) => sum > most * OF_ONE).length], Math.min(sum / OF_ONE, 1) * 255]);
    for (let at = 3; at < data.length; at += 4) if (data[at]) data.set(painted[data[at]], at - 3);
    pen.putImageData(picture, 0, 0);
  });
  const isNear = () => map.getZoom() >= LINES_FROM;

  function look() {
    const mine = ++turn;
    if (!isNear()) return;
    state.textContent = "Loading…";
    fetched(new URL(box.dataset.heat, location.href), { zoom: map.getZoom() + PIXEL, box: seen(map) })
      .then(({ zoom, lines, is_whole }) => {
        if (mine !== turn) return;
        shown = { zoom, lines: Object.values(lines) };
        layer.draw();
        const count = shown.lines.length;
        ready(!count ? "There is nothing in this part of the map."
          : !is_whole ? `The ${count} newest activities in this part of the map are drawn; older ones are left out.`
            : count === 1 ? "1 activity in this part of the map." : `${count} activities in this part of the map.`);
      })
      .catch(() => { if (mine === turn) failed(); });
  }

  const show = (name) => map.fitBounds(area(name), { animate: false, maxZoom: LINES_FROM - 1 });
  show("most");
  pictures.addTo(map);
  begin(map, layer, look);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => pictures.redraw());
  document.querySelectorAll("[data-area]").forEach((button) => button.addEventListener("click", () => show(button.dataset.area)));
})();
