// A route: its way on a map.
"use strict";
(() => {
  const box = document.getElementById("route");
  const state = document.getElementById("route-state");
  fetchJson(box.dataset.track)
    .then(({ track }) => {
      const parts = [[]];
      (track.latitude ?? []).forEach((latitude, i) => {
        if (latitude === null) { if (parts.at(-1).length) parts.push([]); } else parts.at(-1).push([latitude, track.longitude[i]]);
      });
      const way = parts.filter((part) => part.length);
      if (!way.length) { // indoors: a track without positions
        document.getElementById("route-map").hidden = true;
        state.textContent = "";
        return;
      }
      const map = groundMap(document.getElementById("route-map"), { units: box.dataset.units, scrollWheelZoom: false });
      const line = L.polyline(way, { className: "track-line" }).addTo(map);
      for (const [className, at] of [["track-begin", way[0][0]], ["track-end", way.at(-1).at(-1)]]) L.circleMarker(at, { className, radius: 6 }).addTo(map);
      map.fitBounds(line.getBounds(), { padding: [16, 16], maxZoom: 17 });
      state.textContent = box.dataset.said ?? "";
    })
    .catch(() => { state.textContent = "The track could not be loaded. Load the page again."; })
    .finally(() => { box.dataset.ready = ""; });
})();
