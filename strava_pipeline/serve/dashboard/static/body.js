// Numbers of the body by day: with the usual range, with a mean, or as stages of sleep. A day without a number is a gap.
"use strict";
(() => {
  const { axis, colour, day, line, size, onDay, keep } = chartParts;
  const DAY = 86400, HOUR = 3600, POUND = 0.45359237; // seconds; kilograms
  const hours = (v) => `${Math.floor(Math.round(v * 60) / 60)} h ${Math.round(v * 60) % 60} min`;
  const FACTORS = { s: 1 / HOUR, lb: 1 / POUND };

  keep([...document.querySelectorAll("[data-body]")], (box) => {
    const { unit, first } = box.dataset, lines = {};
    for (const [name, values] of Object.entries(JSON.parse(box.dataset.body))) {
      lines[name] = values.map((v) => v === null ? null : v * (FACTORS[unit] ?? 1));
    }
    const ofEfforts = "efforts" in box.dataset, efforts = ofEfforts ? JSON.parse(box.dataset.efforts) : [];
    const days = lines.value.map((_, place) => Date.parse(ofEfforts ? efforts[place] : first) / 1000 + (ofEfforts ? 0 : place * DAY));
    const isLong = ofEfforts || days.length > 400; // ticks need their years, and a line through each day would hide the usual range
    const text = unit === "s" ? hours : (v) => `${+v.toFixed(1)} ${unit}`;
    const shown = (values) => (_, __, ___, place) => place === null || (values[place] ?? null) === null ? "–" : text(values[place]);
    const bar = (label, name, values, tops) => [tops, { label, fill: colour(name), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.8, 24, 1] }), value: shown(values) }];
    const stroke = (label, name, values, more) => [values, line(label, name, { value: shown(values), ...more })];
    const drawn = unit === "s" ? stages() : range();

    function stages() { // the longest bar first, which the shorter ones cover
      const { value, deep, light, rem } = lines;
      const upTo = (...parts) => value.map((_, place) => parts.some((part) => part[place] === null) ? null : parts.reduce((sum, part) => sum + part[place], 0));
      const found = [bar("asleep", "--before", value, value)];
      if (deep && light && rem) found.push(bar("REM", "--heat-3", rem, upTo(deep, light, rem)), bar("light", "--heat-1", light, upTo(deep, light)), bar("deep", "--heat-4", deep, deep));
      return found;
    }

    function range() {
      const edge = isLong && !ofEfforts ? { width: 2 } : { width: 1, dash: [2, 3] }, { value, low, high, mean } = lines;
      return [
        ...(low ? [stroke(ofEfforts ? "95 % from" : "usually from", "--before", low, edge), stroke("to", "--before", high, edge)] : []),
        ...(mean ? [stroke("mean of 7 days", "--second", mean)] : []),
        stroke(ofEfforts ? "median" : "on the day", "--accent", value, { width: mean || isLong ? 0 : 2, points: { show: true, size: isLong && !ofEfforts ? 3 : 5 } }),
      ];
    }

    return new uPlot({
      ...size(box, 220),
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      cursor: { drag: { x: true, y: false } },
      bands: lines.low ? [{ series: [2, 1], fill: colour("--tint") }] : [],
      scales: { x: { range: (_, least, most) => [least - DAY / 2, most + DAY / 2] }, y: unit === "s" ? { range: (_, __, most) => [0, most * 1.05] } : {} },
      axes: [{ ...axis(), space: isLong ? 90 : 60, values: (_, ticks) => ticks.map((at) => onDay(at, isLong ? "numeric" : undefined)) }, { ...axis(), size: 64, values: (_, ticks) => ticks.map((v) => unit === "s" ? `${v} h` : v) }],
      series: [day, ...drawn.map(([, series]) => series)],
    }, [days, ...drawn.map(([values]) => values)], box);
  });
})();
