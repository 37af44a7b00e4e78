// A person's own charts and maps. Cards come by HTMX when the page is there already.
"use strict";
(() => {
  const { axis, line, size, onDay, keep, colour } = chartParts;
  const LOOKS = [["--accent"], ["--quiet", [6, 4]], ["--good", [2, 3]], ["--text", [10, 3]], ["--before"], ["--bad", [8, 3, 2, 3]]];
  const SHORT = 14; // characters of a name below the axis
  const WIDE = 100; // pixels that it may take
  const number = (v) => v === null ? "–" : v.toLocaleString("en", { maximumFractionDigits: 2 });

  function chart(box) {
    const { kind, unit, x, is_time: isTime, names, series } = JSON.parse(box.dataset.widget);
    const bars = kind === "bars", labels = Object.keys(series), name = (at) => names[at] ?? "";
    const step = x.slice(1).reduce((least, at, i) => Math.min(least, at - x[i] || least), Infinity);
    const width = Number.isFinite(step) ? step : 1, each = width * 0.8 / labels.length;
    const at = (place) => x.map((v) => v - width * 0.4 + place * each);
    const drawn = (place) => bars ? { fill: colour(LOOKS[place][0]), width: 0, points: { show: false }, paths: uPlot.paths.bars({ disp: { x0: { unit: 1, values: () => at(place) }, size: { unit: 1, values: () => x.map(() => each) } } }) } : { dash: LOOKS[place][1], points: { show: x.length < 40, size: 6 } };
    const often = (drawing) => Math.ceil(x.length * WIDE / Math.max(drawing.width - 90, WIDE)); // every how many names there is room for
    const onAxis = names.length ? { splits: (drawing) => x.filter((v) => v % often(drawing) === 0), values: (_, ticks) => ticks.map((v) => name(v).slice(0, SHORT)), filter: (_, ticks) => ticks }
      : isTime ? { space: 90, values: (_, ticks) => ticks.map((v) => onDay(v, "numeric")) } : {};
    return new uPlot({
      ...size(box),
      tzDate: (v) => uPlot.tzDate(new Date(v * 1000), "Etc/UTC"),
      cursor: { drag: { x: true, y: false } },
      scales: { x: { time: isTime, range: (_, least, most) => bars ? [least - width / 2, most + width / 2] : least === most ? [least - 1, most + 1] : [least, most] }, y: { range: (_, least, most) => uPlot.rangeNum(bars ? Math.min(0, least ?? 0) : least ?? 0, most ?? 1, 0.1, true) } },
      axes: [{ ...axis(), ...onAxis }, { ...axis(), size: 70, label: unit || null, labelSize: 20, values: (_, ticks) => ticks.map(number) }],
      series: [{ label: "x", value: (_, v) => v === null ? "–" : names.length ? name(v) : isTime ? onDay(v, "numeric") : number(v) }, ...labels.map((label, place) => line(label, LOOKS[place][0], { value: (_, v) => number(v), ...drawn(place) }))],
    }, [x, ...Object.values(series)], box);
  }

  function places(box) {
    const points = JSON.parse(box.dataset.places), map = groundMap(box, { units: box.dataset.units });
    const look = { className: "place", radius: 6 };
    const markers = points.map(({ latitude, longitude, text }) => {
      const marker = L.circleMarker([latitude, longitude], look), said = document.createElement("span");
      said.textContent = text; // Leaflet would take a text for HTML
      return text ? marker.bindTooltip(said) : marker;
    });
    if (markers.length) map.fitBounds(L.featureGroup(markers).addTo(map).getBounds(), { padding: [20, 20], maxZoom: 14, animate: false });
    else map.fitWorld();
    box.dataset.ready = "";
  }

  function draw() {
    document.querySelectorAll("[data-widget]:not([data-ready])").forEach((box) => keep([box], chart));
    document.querySelectorAll("[data-places]:not([data-ready])").forEach(places);
  }
  document.addEventListener("htmx:after:swap", draw);
  draw();
})();
