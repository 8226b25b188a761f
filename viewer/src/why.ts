// Why the character looks as it does in a frame: shape ← unit ← landmarks, with confidences.

import { h } from "./dom";
import type { FrameWhy } from "./messages";
import { whyFrame } from "./takes";

const WAIT_MS = 120;

/** Explains the frame under the cursor, once it rests there. */
export class WhyPanel {
  readonly element: HTMLElement;
  private body = h("div", { class: "why" });
  private frame = h("small", { id: "why-frame" });
  private turn = 0;

  constructor(private take: string) {
    this.element = h("section", { class: "card" }, h("h2", {}, "Why does it look like this?", this.frame), this.body);
  }

  async explain(track: number, row: () => number): Promise<void> {
    const turn = ++this.turn;
    await new Promise((done) => setTimeout(done, WAIT_MS));
    if (turn !== this.turn) return;
    try {
      const why = await whyFrame(this.take, track, row());
      if (turn !== this.turn) return;
      this.frame.textContent = `frame ${why.index}`;
      this.body.replaceChildren(...whyOf(why));
    } catch (error) {
      this.body.replaceChildren((error as Error).message);
    }
  }

  /** Nothing more is asked. */
  close(): void {
    this.turn += 1;
  }
}

/** The strongest shapes of a frame with what they come from, and what was not measured. */
function whyOf(why: FrameWhy): (Node | string)[] {
  if (!why.found) return [h("p", { class: "hint" }, "The face was not found in this frame; the character holds what it had.")];
  const strong = why.shapes
    .filter((s) => (s.edited ?? 0) > 0.05)
    .sort((a, b) => (b.edited ?? 0) - (a.edited ?? 0))
    .slice(0, 9);
  const missing = why.shapes.filter((s) => s.raw === null);
  const per = (v: number | null): string => (v === null ? "–" : `${Math.round(100 * v)} %`);
  return [
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, h("th", {}, "Shape"), h("th", {}, "Value"), h("th", {}, "Unit"), h("th", {}, "Landmarks"))),
      h(
        "tbody",
        {},
        ...strong.map((s) => {
          const unit = why.units.find((u) => u.shapes.includes(s.shape));
          const changed = s.raw !== null && s.edited !== null && Math.abs(s.raw - s.edited) > 0.005;
          return h(
            "tr",
            {},
            h("td", {}, s.shape),
            h("td", {}, (s.edited ?? 0).toFixed(2), changed ? h("small", {}, ` was ${s.raw!.toFixed(2)}`) : null),
            h("td", {}, unit ? `${unit.unit.replace("_", " ")} ${unit.value === null ? "–" : unit.value.toFixed(1)}` : "–"),
            h("td", { title: `confidence of the value ${per(s.confidence)}` }, `${s.part} ${per(s.part_confidence)}`),
          );
        }),
      ),
    ),
    strong.length ? "" : h("p", { class: "hint" }, "A face at rest: no shape is above 0.05."),
    missing.length ? h("p", { class: "hint" }, `Not measured: ${reasons(missing)}.`) : "",
  ];
}

function reasons(missing: FrameWhy["shapes"]): string {
  const by = new Map<string, string[]>();
  for (const s of missing) by.set(s.reason ?? "unknown", [...(by.get(s.reason ?? "unknown") ?? []), s.shape]);
  return [...by].map(([why, names]) => `${names.slice(0, 5).join(", ")}${names.length > 5 ? ` and ${names.length - 5} more` : ""} (${why})`).join("; ");
}
