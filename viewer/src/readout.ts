// How a live run goes, in figures and words: pose, rates, times, warnings, receivers.

import { h } from "./dom";
import type { Status } from "./messages";
import { type PageFigures, median } from "./stage";
import type { Face } from "./wire";

const POSE_EVERY_MS = 100;

export class Readout {
  readonly element: HTMLElement;
  private figures = h("div", { class: "figures" });
  private pose = h("div", { class: "figures" });
  private warnings = h("ul", { class: "warnings", "aria-live": "polite" });
  private receivers = h("ul", { class: "receivers" });
  private poseShown = 0;
  private poseSaid = "";
  private warned = "";

  /** @param page what the page measured itself. */
  constructor(private page: PageFigures) {
    this.element = h("section", { class: "card readout" }, this.pose, this.figures, this.warnings, this.receivers);
  }

  show(s: Status): void {
    const latency = median(this.page.latenciesMs.slice(-60));
    this.figures.replaceChildren(
      number(s.fps.toFixed(s.fps < 9.95 ? 1 : 0), "frames/s"),
      number(`${s.measure_ms.toFixed(0)} ms`, "measuring"),
      number(Number.isNaN(latency) ? "–" : `${latency.toFixed(0)} ms`, "to screen"),
      number(String(s.dropped), "left out"),
      number(String(this.page.rate), "drawn/s"),
    );
    this.figures.title = Object.entries(s.stages_ms)
      .map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`)
      .join(", ");
    if (s.warnings.join() !== this.warned) this.warnings.replaceChildren(...s.warnings.map((w) => h("li", {}, w)));
    this.warned = s.warnings.join();
    this.receivers.replaceChildren(
      ...s.receivers.map((r) => {
        const how = r.problem ?? `${r.sent} sent, ${r.p50_ms === null ? "–" : r.p50_ms.toFixed(1)} ms`;
        return h("li", { class: r.problem ? "bad" : "good" }, h("b", {}, r.to), ` ${how}`);
      }),
    );
  }

  /** The followed face of a frame, and how many there are. */
  turn(face: Face | undefined, faces: number): void {
    const now = performance.now();
    if (now - this.poseShown < POSE_EVERY_MS) return;
    this.poseShown = now;
    const degrees = (k: number): string => {
      const v = face?.yawPitchRoll[k] ?? Number.NaN;
      return Number.isNaN(v) ? "–" : `${Math.round(v) || 0}°`;
    };
    const said = [degrees(0), degrees(1), degrees(2), String(faces)] as const;
    if (said.join() === this.poseSaid) return; // text that is put anew is drawn anew
    this.poseSaid = said.join();
    this.pose.replaceChildren(number(said[0], "yaw"), number(said[1], "pitch"), number(said[2], "roll"), number(said[3], faces === 1 ? "face" : "faces"));
  }
}

function number(value: string, label: string): HTMLElement {
  return h("div", {}, h("b", {}, value), h("span", {}, label));
}
