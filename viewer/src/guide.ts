// The words of the calibration's guide, its steps, and how much of the present one is over.

import { ask, h } from "./dom";
import type { Guidance, GuideStep } from "./messages";

export class Guide {
  readonly element: HTMLElement;
  private words = h("p", { class: "guide-words", "aria-live": "assertive" }, "Sit as you will sit later. Good light from the front helps most.");
  private ring = h("i");
  private list = h("ol", { class: "steps" });
  private steps: GuideStep[] = [];
  private at = -1;
  private since = 0;
  private alive = true;

  constructor() {
    this.element = h("section", { class: "card guide" }, this.words, h("div", { class: "progress" }, this.ring), this.list);
    void ask<GuideStep[]>("api/profiles/guide").then((steps) => {
      this.steps = steps;
      this.show();
    });
    this.tick();
  }

  say(words: string): void {
    this.words.textContent = words;
  }

  /** No step is under way. */
  restart(): void {
    this.at = -1;
  }

  follow(m: Guidance): void {
    this.say(m.words);
    this.at = m.step;
    this.since = performance.now();
    this.show();
  }

  /** Nothing is asked any more; `done` = every step is over. */
  end(done: boolean): void {
    if (done && this.at >= 0) this.at = this.steps.length;
    this.show();
  }

  close(): void {
    this.alive = false;
  }

  private show(): void {
    this.list.replaceChildren(...this.steps.map((s, k) => h("li", { class: k < this.at ? "done" : k === this.at ? "now" : "" }, s.name)));
  }

  private tick(): void {
    if (!this.alive) return;
    requestAnimationFrame(() => this.tick());
    const step = this.steps[this.at];
    const share = step ? Math.min(1, (performance.now() - this.since) / 1000 / step.seconds) : 0;
    this.ring.style.transform = `scaleX(${share})`;
  }
}
