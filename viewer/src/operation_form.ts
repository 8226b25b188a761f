// The buttons of the take editor that make an operation out of a number and a span.

import { h, toast } from "./dom";
import type { Operation } from "./operations";
import { AROUND_S } from "./shift";

/** What an operation is done to. */
export interface Scope {
  shapes: string[];
  track: number;
  /** Selected span, s; null = none. */
  span: [number, number] | null;
  time: number;
  ns: (time: number) => number;
}

/** The grid of buttons; `add` is given what was asked for. */
export function operationForm(scope: () => Scope, add: (operation: Operation) => void): HTMLElement {
  const number = (value: number, step: number, min: number, max: number): HTMLInputElement => h("input", { type: "number", value, step, min, max });
  const spike = number(45, 5, 10, 500);
  const gap = number(500, 50, 10, 60000);
  const sigma = number(60, 10, 5, 2000);
  const gain = number(1.2, 0.1, 0, 4);
  const tolerance = number(0.02, 0.01, 0.001, 0.5);
  const level = number(0.5, 0.05, 0, 1);
  const line = (label: string, id: string, make: (s: Scope) => Operation, control?: HTMLInputElement, unit = "", title = ""): HTMLElement =>
    h(
      "div",
      { class: "operation" },
      h("button", { type: "button", id: `do-${id}`, title, onclick: () => attempt(() => make(scope()), add) }, label),
      control ? h("label", {}, control, h("span", {}, unit)) : null,
    );
  return h(
    "div",
    { class: "operation-grid" },
    line("Despike", "despike", (s) => ({ kind: "despike", longest_ms: spike.valueAsNumber, ...spanned(s) }), spike, "ms"),
    line("Fill gaps", "fill", (s) => ({ kind: "fill", longest_ms: gap.valueAsNumber, ...spanned(s) }), gap, "ms"),
    line("Smooth", "smooth", (s) => ({ kind: "smooth", sigma_ms: sigma.valueAsNumber, ...spanned(s) }), sigma, "ms"),
    line("Gain", "gain", (s) => ({ kind: "gain", gain: gain.valueAsNumber, offset: 0, ...spanned(s) }), gain, "×"),
    line("Reduce", "reduce", (s) => ({ kind: "reduce", tolerance: tolerance.valueAsNumber, ...spanned(s) }), tolerance, "±"),
    line("Set to", "set", (s) => setTo(s, level.valueAsNumber), level, "", "The selected span, or the moment under the cursor"),
    line("Mirror", "mirror", (s) => ({ kind: "mirror", track_id: s.track })),
    line("Trim to span", "trim", trim),
  );
}

function attempt(make: () => Operation, add: (operation: Operation) => void): void {
  try {
    add(make());
  } catch (error) {
    toast((error as Error).message, "error");
  }
}

function spanned(s: Scope): { shapes: string[]; start_ns: number | null; end_ns: number | null; track_id: number } {
  return { shapes: s.shapes, start_ns: s.span ? s.ns(s.span[0]) : null, end_ns: s.span ? s.ns(s.span[1]) : null, track_id: s.track };
}

function setTo(s: Scope, value: number): Operation {
  if (!s.shapes.length) throw new Error("Show the curves first that are to be set: with none shown it would be all 52 shapes");
  return { kind: "gain", gain: 0, offset: value, ...spanned({ ...s, span: s.span ?? [s.time - AROUND_S, s.time + AROUND_S] }) };
}

function trim(s: Scope): Operation {
  if (!s.span) throw new Error("Select a span in the curves first: drag, or press [ and ]");
  return { kind: "trim", start_ns: s.ns(s.span[0]), end_ns: s.ns(s.span[1]) } as Operation;
}
