// Expressions as they are decided: a strip of the last half minute, and the newest ones in words.

import { h } from "./dom";
import type { Mark, Marks, Names } from "./messages";

const WINDOW_MS = 30_000;
const LISTED = 4;
const MOVE_EVERY_MS = 200;
const LEAST_WIDTH = 0.4; // % of the strip: a micro-expression of 100 ms must not vanish

/** "AU12 left, AU6: Lip corner puller, Cheek raiser". */
export function unitWords(units: string[], titles: Record<string, string>): { short: string; long: string } {
  const short = units.map((u) => u.replace(/_L$/, " left").replace(/_R$/, " right")).join(", ");
  const named = [...new Set(units.map((u) => titles[u.replace(/_[LR]$/, "")]).filter(Boolean))];
  return { short, long: named.length ? `${short}: ${named.join(", ")}` : short };
}

export class MarkStrip {
  readonly element: HTMLElement;
  private said: Marks | null = null;
  private frozenMs: number | null = null;
  private moving = false;
  private strip = h("div", { class: "mark-strip", role: "img" });
  private list = h("ol", { class: "mark-list", "aria-live": "polite", "aria-label": "Expressions, the newest first" });
  private counts = h("small", {});
  private timer: number;

  constructor(
    private names: Names,
    private serverMs: () => number,
  ) {
    this.element = h("section", { class: "card marks-card", hidden: true }, h("h2", {}, "Expressions", this.counts), h("div", { class: "marks" }, this.strip, this.list));
    this.timer = window.setInterval(() => this.move(), MOVE_EVERY_MS);
  }

  /** Whether there is something to show: the run looks for expressions, or a take brought some along. */
  get wanted(): boolean {
    return this.said !== null && (this.said.watched || this.said.newest.length > 0);
  }

  show(said: Marks): void {
    this.said = said;
    this.element.hidden = !this.wanted;
    const [micro, macro] = [said.counts["micro"] ?? 0, said.counts["macro"] ?? 0];
    this.counts.textContent = `${micro} micro, ${macro} macro`;
    this.strip.setAttribute("aria-label", `The last ${WINDOW_MS / 1000} seconds: ${micro} micro- and ${macro} macro-expressions so far`);
    this.strip.replaceChildren(...said.newest.map((m) => h("i", { "data-kind": m.kind, title: this.words(m) })));
    this.list.replaceChildren(...said.newest.slice(0, LISTED).map((m) => this.item(m)));
    if (!this.moving) this.frozenMs ??= said.newest[0]?.decided_ms ?? null;
    if (!said.newest.length) this.list.append(h("li", { class: "hint" }, "None so far. One is told about half a second after it has ended."));
    this.move();
  }

  /** A run that has ended no longer moves; of one that ended earlier the last expressions are shown. */
  running(on: boolean): void {
    if (!on && this.moving) this.frozenMs = this.serverMs();
    else this.frozenMs = on ? null : (this.frozenMs ?? this.said?.newest[0]?.decided_ms ?? null);
    this.moving = on;
    this.move();
  }

  /** Nothing is known of a run any more: a server greets, and tells what it has afterwards. */
  clear(): void {
    this.said = null;
    this.frozenMs = null;
    this.moving = false;
    this.element.hidden = true;
    this.strip.replaceChildren();
    this.list.replaceChildren();
  }

  close(): void {
    clearInterval(this.timer);
  }

  private words(m: Mark): string {
    return `${m.kind} at ${this.since(m.apex_ms)}, ${Math.round(m.offset_ms - m.onset_ms)} ms, ${unitWords(m.action_units, this.names.unit_titles).long}`;
  }

  private since(ms: number): string {
    return `${Math.max(0, (ms - (this.said?.began_ms ?? ms)) / 1000).toFixed(2)} s`;
  }

  private item(m: Mark): HTMLElement {
    const units = unitWords(m.action_units, this.names.unit_titles);
    const late = `onset ${this.since(m.onset_ms)}, apex ${this.since(m.apex_ms)}, offset ${this.since(m.offset_ms)}; decided ${((m.decided_ms - m.offset_ms) / 1000).toFixed(2)} s later`;
    return h(
      "li",
      { title: late },
      h("b", { class: "mark-kind", "data-kind": m.kind }, m.kind),
      h("span", { class: "mark-time" }, this.since(m.apex_ms)),
      h("span", { class: "mark-time" }, `${Math.round(m.offset_ms - m.onset_ms)} ms`),
      h("span", { class: "mark-units", title: units.long }, units.long || "–"),
      h("span", { class: "mark-time", title: "How sure" }, `${Math.round(100 * m.confidence)} %`),
    );
  }

  private move(): void {
    const said = this.said;
    if (!said || this.element.hidden) return;
    const now = this.frozenMs ?? this.serverMs();
    if (Number.isNaN(now)) return;
    [...this.strip.children].forEach((bar, k) => {
      const m = said.newest[k]!;
      const left = 100 * (1 - (now - m.onset_ms) / WINDOW_MS);
      const wide = Math.max(LEAST_WIDTH, (100 * (m.offset_ms - m.onset_ms)) / WINDOW_MS);
      Object.assign((bar as HTMLElement).style, { left: `${left}%`, width: `${wide}%`, display: left + wide < 0 || left > 100 ? "none" : "" });
    });
  }
}
