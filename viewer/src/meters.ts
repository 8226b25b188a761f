// Action units as bars, left and right of the subject's face on the sides where one sees them.

import { h } from "./dom";
import type { Names } from "./messages";
import type { Face } from "./wire";

interface Row {
  element: HTMLElement;
  bars: [HTMLElement, HTMLElement];
  value: HTMLElement;
  at: [number, number];
  /** What the bars were set to. */
  shown: [string, string];
}

export class Meters {
  readonly element: HTMLElement;
  private rows: Row[] = [];

  constructor(names: Names) {
    this.element = h("div", { class: "meters", role: "group", "aria-label": "Action units" });
    const seen = new Set<string>();
    for (const unit of names.units) {
      const base = unit.replace(/_[LR]$/, "");
      if (seen.has(base)) continue;
      seen.add(base);
      const [l, r] = [names.units.indexOf(`${base}_L`), names.units.indexOf(`${base}_R`)];
      const at: [number, number] = l < 0 ? [names.units.indexOf(base), names.units.indexOf(base)] : [r, l];
      const bars: [HTMLElement, HTMLElement] = [h("i"), h("i")];
      const value = h("output", {});
      const title = names.unit_titles[base] ?? "";
      const element = h(
        "div",
        { class: l < 0 ? "meter single" : "meter", title: `${base} ${title}` },
        h("b", {}, base),
        h("span", { class: "what" }, title),
        h("span", { class: "bar right" }, bars[0]),
        h("span", { class: "bar left" }, bars[1]),
        value,
      );
      this.rows.push({ element, bars, value, at, shown: ["", ""] });
      this.element.append(element);
    }
  }

  show(face: Face | undefined): void {
    for (const row of this.rows) {
      const both = row.at.map((i) => face?.units[i] ?? Number.NaN) as [number, number];
      const known = both.filter((v) => !Number.isNaN(v));
      row.element.classList.toggle("unknown", !known.length);
      row.bars.forEach((bar, k) => {
        const v = both[k]!;
        const to = `scaleX(${Number.isNaN(v) ? 0 : Math.min(1, v / 5).toFixed(3)})`;
        if (row.shown[k] !== to) bar.style.transform = row.shown[k] = to;
      });
      const top = known.length ? Math.max(...known) : Number.NaN;
      const text = Number.isNaN(top) ? "–" : top.toFixed(1);
      if (row.value.textContent !== text) row.value.textContent = text;
      row.element.classList.toggle("present", top >= 1);
    }
  }
}
