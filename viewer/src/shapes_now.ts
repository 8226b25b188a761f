// The card of shapes beside a calibration: as read, and with a profile where one is compared.

import { Comparison } from "./comparison";
import { h } from "./dom";
import type { Session } from "./messages";
import type { Stage } from "./stage";
import type { Frame } from "./wire";

export class ShapesNow {
  readonly element = h("section", { class: "card", hidden: true, id: "shapes-now" });
  private title = h("h2", {});
  private choice = h("div", { class: "segments", role: "radiogroup", "aria-label": "The character shows", hidden: true });
  private comparison: Comparison | null = null;
  private showing = false;

  /** @param stage plays what is chosen. */
  constructor(private stage: Stage) {
    this.choice.append(
      h("span", { class: "hint" }, "The character shows"),
      ...[false, true].map((plain) => {
        const one = h("input", { type: "radio", name: "reading", checked: !plain, onchange: () => (stage.plain = plain) });
        return h("label", {}, one, h("span", {}, plain ? "as read" : "with the profile"));
      }),
    );
  }

  /** The names of all shapes, once they are known. */
  name(shapes: string[]): void {
    if (this.comparison) return;
    this.comparison = new Comparison(shapes);
    this.element.append(this.title, this.choice, this.comparison.element);
  }

  show(session: Session): void {
    const asked = session.state === "running" || session.state === "starting" ? session.asked : null;
    const both = asked?.compare === true && asked.profile != null;
    const was = this.showing;
    this.showing = session.state === "calibrating" || both;
    this.choice.hidden = !both;
    this.stage.plain = both && this.choice.querySelectorAll("input")[1]!.checked;
    if (this.showing && !was) this.comparison?.restart();
    if (this.showing) this.element.hidden = false;
    this.title.replaceChildren(
      both ? `As read and with the profile “${asked.profile}”` : "As read now",
      h("small", {}, both ? "grey: as read · coloured: with the profile" : "the line: how far it has reached"),
    );
  }

  frame(frame: Frame): void {
    if (!this.showing) return;
    const both = frame.plain !== null;
    this.comparison?.show(frame.plain ?? frame.signal.weights, both ? frame.signal.weights : null);
  }
}
