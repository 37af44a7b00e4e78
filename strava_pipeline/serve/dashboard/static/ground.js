// A map with its ground: what every page with a map begins with (templates/map_head.html loads it).
// `groundMap(holder, {units, …})` makes a Leaflet map in the element; the other options are Leaflet's own.
"use strict";
const groundMap = (() => {
  const { tiles, attribution } = document.querySelector("meta[name=ground]").dataset;

  return (holder, { units = "km", ...options } = {}) => {
    const map = L.map(holder, { attributionControl: Boolean(tiles), ...options });
    if (tiles) L.tileLayer(tiles, { attribution, maxZoom: 19 }).addTo(map);
    L.control.scale({ metric: units !== "miles", imperial: units === "miles" }).addTo(map);
    return map;
  };
})();
