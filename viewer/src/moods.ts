// The expression and how pleasant and awake it looks, as bars. Hidden while nothing of it is read.

import { h } from "./dom";
import type { Names } from "./messages";
import type { Face } from "./wire";

interface Row {
  element: HTMLElement;
  bar: HTMLElement;
  value: HTMLElement;
}

/** From the middle of a bar, which is 0. */
const AFFECT = ["valence", "arousal"];

export class Moods {
  readonly element: HTMLElement;
  private rows: Row[];

  constructor(private names: Names) {
    this.rows = [...names.expressions, ...AFFECT].map((name, k) => {
      const [bar, value] = [h("i"), h("output", {})];
      const both = k >= names.expressions.length;
      return { bar, value, element: h("div", { class: both ? "mood both" : "mood" }, h("span", {}, name), h("span", { class: "bar" }, bar), value) };
    });
    this.element = h("section", { class: "card moods", hidden: true, role: "group", "aria-label": "Expression" }, h("h2", {}, "Expression"), ...this.rows.map((r) => r.element));
  }

  show(face: Face | undefined): void {
    const values = face ? [...face.expressions, ...face.affect] : [];
    const known = values.filter((v) => !Number.isNaN(v));
    this.element.hidden &&= !known.length;
    const most = Math.max(...values.slice(0, this.names.expressions.length).filter((v) => !Number.isNaN(v)));
    this.rows.forEach(({ element, bar, value }, k) => {
      const v = values[k] ?? Number.NaN;
      const both = k >= this.names.expressions.length;
      const text = Number.isNaN(v) ? "–" : both ? v.toFixed(1) : `${Math.round(100 * v)} %`;
      if (value.textContent === text) return; // what is put anew is drawn anew
      value.textContent = text;
      bar.style.transform = `scaleX(${Number.isNaN(v) ? 0 : v.toFixed(2)})`;
      element.classList.toggle("unknown", Number.isNaN(v));
    });
    this.rows.forEach(({ element }, k) => element.classList.toggle("most", values[k] === most));
  }
}
