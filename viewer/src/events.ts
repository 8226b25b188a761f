// Events of a take: when they begin, peak and end, and the action units that they are read from.

import { h } from "./dom";
import type { TakeDetail } from "./messages";
import { unitWords } from "./marks";

export type TakeEvent = TakeDetail["events"][number];

/** Intensities 0–5 of all action units: (T, U), NaN = not measured; and the row at a time in s. */
export interface Measured {
  units: Float32Array;
  columns: number;
  row: (time: number) => number;
}

/** The entries of `names` that an event's units mean: "AU12" without a side means both. */
export function entriesOf(event: TakeEvent, names: string[]): number[] {
  const of = (unit: string): number[] => {
    const own = names.indexOf(unit);
    const sides = [`${unit}_L`, `${unit}_R`].map((n) => names.indexOf(n)).filter((k) => k >= 0);
    return own >= 0 ? [own] : sides;
  };
  return [...new Set(event.action_units.flatMap(of))];
}

export class EventList {
  readonly element: HTMLElement;
  onchoose: ((event: TakeEvent | null) => void) | null = null;
  private events: TakeEvent[] = [];
  private chosen: TakeEvent | null = null;
  private chips = h("div", { class: "chips", role: "group", "aria-label": "Events" });
  private evidence = h("div", { class: "why", id: "evidence", hidden: true });

  constructor(
    private firstNs: number,
    private names: string[],
    private titles: Record<string, string>,
  ) {
    this.element = h("section", { class: "card events", hidden: true }, h("h2", {}, "Events", h("small", {}, "choose one to see what it is read from")), this.chips, this.evidence);
  }

  /** The event that is chosen, or null. */
  get current(): TakeEvent | null {
    return this.chosen;
  }

  /** Seconds from the take's first frame. */
  at(ns: number): number {
    return (ns - this.firstNs) / 1e9;
  }

  show(events: TakeEvent[]): void {
    this.events = events;
    this.chosen = null;
    this.element.hidden = !events.length;
    this.evidence.hidden = true;
    this.chips.replaceChildren(...events.map((e) => this.chip(e)));
  }

  /** The table of the chosen event. */
  explain(measured: Measured): void {
    const event = this.chosen;
    this.evidence.hidden = !event;
    if (!event) return;
    const moments = [event.onset_ns, event.apex_ns, event.offset_ns].map((ns) => this.at(ns));
    const rows = moments.map((t) => measured.row(t));
    const per = (k: number): string[] => rows.map((row) => measured.units[row * measured.columns + k]!).map((v) => (Number.isNaN(v) ? "–" : v.toFixed(1)));
    const entries = entriesOf(event, this.names);
    this.evidence.replaceChildren(
      h("p", {}, `${event.kind}, ${Math.round((event.offset_ns - event.onset_ns) / 1e6)} ms, ${Math.round(100 * event.confidence)} % sure${event.emotion ? `; reads as ${event.emotion}` : ""}`),
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ...["Unit", "Onset", "Apex", "Offset"].map((w, k) => h("th", {}, w, k ? h("small", {}, ` ${moments[k - 1]!.toFixed(2)} s`) : null)))),
        h("tbody", {}, ...entries.map((k) => h("tr", {}, h("td", { title: this.titles[this.names[k]!.replace(/_[LR]$/, "")] ?? "" }, unitWords([this.names[k]!], {}).short), ...per(k).map((v) => h("td", {}, v))))),
      ),
      h("p", { class: "hint" }, entries.length ? "Intensities 0 to 5 of the units that took part. Their curves stand below the shapes." : "No action unit is named for it."),
    );
  }

  private chip(event: TakeEvent): HTMLElement {
    const words = `${event.kind} ${this.at(event.apex_ns).toFixed(2)} s ${unitWords(event.action_units, {}).short}`;
    const one = h("button", { type: "button", class: "shape-chip", "aria-pressed": "false", title: unitWords(event.action_units, this.titles).long }, words);
    one.onclick = () => {
      this.chosen = this.chosen === event ? null : event;
      [...this.chips.children].forEach((c, k) => c.setAttribute("aria-pressed", String(this.events[k] === this.chosen)));
      this.onchoose?.(this.chosen);
    };
    return one;
  }
}
