// Which curves of a take are shown: a chip for every shape that moves, and the lanes of those that are chosen.

import { h } from "./dom";
import { type TakeEvent, entriesOf } from "./events";
import type { Lane } from "./lanes";
import { unitWords } from "./marks";
import type { Names } from "./messages";
import type { Curves } from "./takes";

const COLOURS = ["#0f8b8d", "#d9822b", "#2f74c8", "#9a5bc0", "#c2486b", "#5c8f2e"];
const UNIT_COLOUR = "#d9822b";
const FIRST_LANES = ["eyeBlinkLeft", "jawOpen", "mouthSmileLeft", "browInnerUp"];
/** A shape that stays below has no chip unless it is chosen. */
const MOVES = 0.02;

export class CurveChoice {
  readonly element = h("div", { class: "chips", role: "group", "aria-label": "Curves shown" });
  private chosen = new Set(FIRST_LANES);

  /** @param changed is told that others are chosen. */
  constructor(
    private names: Names,
    private changed: () => void,
  ) {}

  /** Names of the chosen shapes, in the order of the schema. */
  get shapes(): string[] {
    return this.names.shapes.filter((n) => this.chosen.has(n));
  }

  show(curves: Curves): void {
    const moves = this.names.shapes.filter((name, k) => {
      let top = 0;
      for (let row = 0; row < curves.rows; row++) top = Math.max(top, curves.edited[row * 52 + k] || 0, curves.raw[row * 52 + k] || 0);
      return top > MOVES || this.chosen.has(name);
    });
    this.element.replaceChildren(...moves.map((shape) => this.chip(shape)));
  }

  /** Lanes of the chosen shapes, and below them the units of an event: measured, not edited. */
  lanes(curves: Curves, event: TakeEvent | null): Lane[] {
    const shown = this.shapes.map((name, i): Lane => {
      const k = this.names.shapes.indexOf(name);
      return {
        name,
        colour: COLOURS[i % COLOURS.length]!,
        raw: (row) => curves.raw[row * 52 + k]!,
        edited: (row) => curves.edited[row * 52 + k]!,
        top: 1,
      };
    });
    const { units: names } = this.names;
    const measured = (event ? entriesOf(event, names) : []).map((k): Lane => {
      const value = (row: number): number => curves.units[row * curves.unitColumns + k]!;
      return { name: unitWords([names[k]!], {}).short, colour: UNIT_COLOUR, raw: value, edited: value, top: 5, fixed: true };
    });
    return [...shown, ...measured];
  }

  private chip(shape: string): HTMLElement {
    const chip = h("button", { type: "button", class: "shape-chip", "aria-pressed": String(this.chosen.has(shape)) }, shape);
    chip.onclick = () => {
      if (!this.chosen.delete(shape)) this.chosen.add(shape);
      chip.setAttribute("aria-pressed", String(this.chosen.has(shape)));
      this.changed();
    };
    return chip;
  }
}
