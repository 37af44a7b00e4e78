// A map with its ground: what every page with a map begins with (templates/map_head.html loads it).
// `groundMap(holder, {units, …})` makes a Leaflet map in the element; the other options are Leaflet's own. On the map it says what the
// ground lacks. After the event `regions` the ground is drawn anew.
//
// The ground is coast, borders, lakes and towns of the world, and streets of the regions in data/maps. All of them are sources of one
// layer: of two layers the upper one would hide the lower.
"use strict";
const groundMap = (() => {
  const { tiles, attribution, world } = document.querySelector("meta[name=ground]").dataset;
  const REGIONS_FROM = 9; // zooms of the map that show streets
  const COARSE_FROM = 11; // zooms of the map at which the world alone is an empty sheet
  const WORLD_ZOOM = 5, FINEST = 19;
  const WORLD_BY = 'Natural Earth, <a href="https://www.geonames.org/">GeoNames</a>';
  const STREETS_BY = '© <a href="https://www.openstreetmap.org/copyright">OpenStreetMap contributors</a>';
  const { LineSymbolizer, PolygonSymbolizer, CircleSymbolizer, OffsetTextSymbolizer, GroupSymbolizer } = tiles ? {} : protomapsL;

  // Colours of the dashboard rather than those of the renderer's own styles: tracks stand out, and the sea is not grey.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const palette = () => dark.matches ? {
    sea: "#10202b", land: "#20211f", green: "#20281f", wood: "#1d2a20", built: "#292926", house: "#32322e", road: "#45443e", rail: "#55534c",
    border: "#6b6961", text: "#c9c6bd", faint: "#98958b", water: "#7fa5bd",
  } : {
    sea: "#cfe0ea", land: "#f5f3ee", green: "#e2ecd8", wood: "#d4e4cb", built: "#ebe8e1", house: "#e6e2d9", road: "#d6d0c3", rail: "#c4bfb5",
    border: "#a39d92", text: "#47443e", faint: "#716c63", water: "#466a80",
  };
  const flavor = ({ sea, land, green, wood, built, house, road, rail, border, text, faint, water }) => ({
    earth: land, water: sea, glacier: land, park_a: green, park_b: green, scrub_a: green, scrub_b: green, wood_a: wood, wood_b: wood,
    hospital: built, industrial: built, school: built, zoo: green, sand: built, beach: built, aerodrome: built, pedestrian: built, runway: road,
    pier: land, buildings: house, major: road, railway: rail, boundaries: border, roads_label_minor: faint, roads_label_minor_halo: land,
    roads_label_major: faint, roads_label_major_halo: land, ocean_label: water, state_label: faint, state_label_halo: land,
    country_label: faint, city_label: text, city_label_halo: land, subplace_label: faint, subplace_label_halo: land,
  });

  function rules(regions) {
    const colours = palette(), { sea, land, border, text } = colours;
    const of = (dataSource, dataLayer, symbolizer) => ({ dataSource, dataLayer, symbolizer });
    const near = (name, all) => all.map((rule) => ({ ...rule, dataSource: name, minzoom: Math.max(rule.minzoom ?? 0, REGIONS_FROM) }));
    // the renderer's own rules have rivers from zoom 14 on
    const rivers = { ...of("", "water", new LineSymbolizer({ color: sea, width: (zoom) => zoom < 12 ? 1 : 2 })), filter: (zoom, { geomType, props }) => geomType === 2 && props.kind === "river" };
    const name = new OffsetTextSymbolizer({ labelProps: ["name"], fill: text, stroke: land, width: 2, lineHeight: 1.4, font: (zoom, town) => `${town && town.props.zoom < zoom - 2 ? 600 : 400} 12px sans-serif`, offsetX: 5, offsetY: 3 });
    const dot = new CircleSymbolizer({ radius: 2, fill: text, stroke: land, width: 1 });
    const towns = new GroupSymbolizer([dot, name]), place = towns.place.bind(towns);
    // a region names its towns by itself
    towns.place = (layout, geom, feature) => isIn(regions, layout.zoom, geom[0][0]) ? undefined : place(layout, geom, feature);
    return {
      backgroundColor: sea,
      paintRules: [
        of("world", "land", new PolygonSymbolizer({ fill: land })),
        of("world", "lakes", new PolygonSymbolizer({ fill: sea })),
        of("world", "borders", new LineSymbolizer({ color: border, width: 1 })),
        ...regions.flatMap((region) => near(region.name, [...protomapsL.paintRules(flavor(colours)), rivers])),
      ],
      labelRules: [
        ...regions.flatMap((region) => near(region.name, protomapsL.labelRules(flavor(colours), document.documentElement.lang))),
        { ...of("world", "towns", towns), filter: (zoom, town) => town.props.zoom <= zoom, sort: (a, b) => a.zoom - b.zoom },
      ],
    };
  }

  const place = (x, y, zoom) => ({ lng: x / 2 ** zoom * 360 - 180, lat: Math.atan(Math.sinh(Math.PI * (1 - 2 * y / 2 ** zoom))) * 180 / Math.PI });
  const isIn = (regions, zoom, { x, y }) => zoom >= REGIONS_FROM
    && regions.some(({ damaged, bounds }) => !damaged && bounds.contains(place(x / 256, y / 256, zoom)));
  const covers = ({ bounds }, { x, y, z }) => bounds.intersects(L.latLngBounds(place(x, y, z), place(x + 1, y + 1, z)));

  // A region is asked for its own tiles alone, and one that can't be read is left out from then on.
  function guard(source, region, whenDamaged) {
    const get = source.get.bind(source);
    source.get = (tile, size) => {
      if (region.damaged || tile.z + 1 < REGIONS_FROM || !covers(region, tile)) return Promise.resolve(new Map());
      return get(tile, size).catch((error) => {
        if (error.name === "AbortError") throw error;
        region.damaged = true;
        whenDamaged();
        return new Map();
      });
    };
  }

  // Names are a layer of their own, above the tracks; it shares the tiles of the other one.
  function addGround(map, regions, say) {
    const sources = { world: { url: world, maxDataZoom: WORLD_ZOOM } };
    for (const { name, url, max_zoom } of regions) sources[name] = { url, maxDataZoom: max_zoom };
    const { labelRules, ...drawn } = rules(regions), both = { sources, maxZoom: FINEST, noWrap: true };
    const ground = protomapsL.leafletLayer({ ...both, ...drawn, attribution: regions.length ? `${WORLD_BY}, ${STREETS_BY}` : WORLD_BY });
    const names = protomapsL.leafletLayer({ ...both, labelRules, attribution: "", pane: "names" });
    for (const region of regions) guard(ground.views.get(region.name).tileCache.source, region, say);
    names.views = ground.views;
    names.on("load", () => { map.getContainer().dataset.ground = "drawn"; });
    return L.layerGroup([ground, names]).addTo(map);
  }

  function lacks(map, all) {
    const damaged = all.filter((region) => region.damaged).map((region) => region.name);
    if (damaged.length) return `The map is drawn without ${damaged.join(", ")}: ${damaged.length > 1 ? "these files are" : "this file is"} damaged. `;
    const seen = map.getBounds(), isCovered = all.some(({ damaged, bounds }) => !damaged && bounds.intersects(seen));
    return map.getZoom() >= COARSE_FROM && !isCovered ? "The map has no streets here. " : "";
  }

  const knownRegions = () => fetchJson("/api/maps")
    .then(({ regions }) => Object.entries(regions).map(([name, { url, box, max_zoom, is_damaged }]) => (
      { name, url, max_zoom, damaged: is_damaged, bounds: box && L.latLngBounds([box[1], box[0]], [box[3], box[2]]) })))
    .catch(() => []); // out of reach: the world is drawn from what the browser keeps, if it does

  return (holder, { units = "km", ...options } = {}) => {
    const map = L.map(holder, options);
    map.attributionControl.setPrefix(false);
    L.control.scale({ metric: units !== "miles", imperial: units === "miles" }).addTo(map);
    if (tiles) {
      L.tileLayer(tiles, { attribution, maxZoom: FINEST }).addTo(map);
      return map;
    }
    map.createPane("names");
    const note = L.DomUtil.create("p", "map-hint"), hint = L.control({ position: "topright" });
    note.setAttribute("role", "status");
    L.DomEvent.disableClickPropagation(note);
    hint.onAdd = () => note;
    hint.addTo(map);
    const words = document.createTextNode(""), link = L.DomUtil.create("a");
    [link.href, link.textContent] = ["/maps", "Add a region"];
    const how = [words, link, "drop" in holder.dataset ? ", or drop its PMTiles file here." : ""];
    let all = [], ground;
    const say = () => {
      const text = lacks(map, all);
      if (text === words.data) return;
      words.data = text;
      note.replaceChildren(...(text ? how : []));
    };
    const draw = () => {
      ground?.remove();
      ground = addGround(map, all.filter((region) => !region.damaged), say);
      say();
    };
    const look = () => knownRegions().then((found) => { all = found; map.whenReady(draw); });
    map.on("moveend", say);
    dark.addEventListener("change", () => ground && draw());
    document.addEventListener("regions", look); // one was added
    look();
    return map;
  };
})();
