// Shapes as bars, as read and with the profile, live; and how far each has reached so far.

import { h } from "./dom";
import { NumbersPace } from "./drawing";

interface Row {
  element: HTMLElement;
  bars: [HTMLElement, HTMLElement];
  reach: HTMLElement;
  value: HTMLElement;
}

const WORDS_EVERY_MS = 120;

export class Comparison {
  readonly element: HTMLElement;
  private rows: Row[];
  private reached: Float32Array;
  private saidAt = 0;
  private bars = new NumbersPace();

  /** `shapes` = all names in their order; those that follow the gaze are left out, for no profile changes them. */
  constructor(shapes: string[]) {
    this.reached = new Float32Array(shapes.length);
    this.rows = shapes.map((shape) => {
      const bars: [HTMLElement, HTMLElement] = [h("i"), h("i")];
      const reach = h("u", {});
      const value = h("output", {});
      const element = h(
        "div",
        { class: "compare-row", "data-shape": shape, hidden: shape.startsWith("eyeLook") },
        h("span", {}, shape),
        h("span", { class: "pair" }, h("span", { class: "reach before" }, bars[0], reach), h("span", { class: "reach after" }, bars[1])),
        value,
      );
      return { element, bars, reach, value };
    });
    this.element = h("div", { class: "reaches compare", role: "group", "aria-label": "Shapes, as read and with the profile" }, ...this.rows.map((r) => r.element));
  }

  /** Forget how far the shapes have reached. */
  restart(): void {
    this.reached.fill(0);
  }

  /** `profiled` = null where there is no profile yet. */
  show(read: Float32Array, profiled: Float32Array | null): void {
    this.reached.forEach((most, k) => (this.reached[k] = Math.max(most, read[k] || 0)));
    const now = performance.now();
    if (!this.bars.takes(now)) return;
    this.element.classList.toggle("one", profiled === null);
    const speak = now - this.saidAt > WORDS_EVERY_MS;
    if (speak) this.saidAt = now;
    this.rows.forEach((row, k) => {
      const before = read[k] || 0;
      const after = profiled?.[k] || 0;
      row.bars[0].style.transform = `scaleX(${before})`;
      row.bars[1].style.transform = `scaleX(${after})`;
      row.reach.style.left = `${100 * this.reached[k]!}%`;
      if (!speak) return;
      row.value.textContent = profiled ? `${before.toFixed(2)} → ${after.toFixed(2)}` : before.toFixed(2);
      row.element.classList.toggle("differs", profiled !== null && Math.abs(after - before) > 0.05);
    });
  }
}
