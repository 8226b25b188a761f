// What came of a calibration: from where to where every shape read, before and with the profile; and all profiles.

import { ICONS, ask, h, icon } from "./dom";
import type { Calibrated, Profile } from "./messages";

/** The result as a card's content; `see` = show it live. */
export function resultOf(m: Calibrated, see: () => void): HTMLElement[] {
  const button = h("button", { type: "button", class: "primary", id: "try", onclick: see });
  button.append(icon(ICONS.play), "See it live, with and without");
  const blinks = m.blink_before === null ? "" : `; blinks reached ${m.blink_before.toFixed(2)}, now ${(m.blink_after ?? 0).toFixed(2)}`;
  return [
    h("h2", {}, "From rest to reach, before and after", h("small", {}, `${m.frames} frames${blinks}`)),
    h("p", {}, button),
    h(
      "div",
      { class: "reaches" },
      ...m.shapes.map((s) => {
        const pair = h("span", { class: "pair" }, bar(s.rest_before, s.reach_before, "before"), bar(s.rest_after, s.reach_after, "after"));
        return h("div", { class: "reach-row" }, h("span", {}, s.shape), pair);
      }),
    ),
  ];
}

function bar(low: number | null, high: number | null, which: string): HTMLElement {
  const [a, b] = [Math.min(low ?? 0, high ?? 0), Math.max(low ?? 0, high ?? 0)];
  const title = low === null || high === null ? "not measured" : `${low.toFixed(2)} – ${high.toFixed(2)}`;
  return h("span", { class: `reach ${which}`, title }, h("i", { style: `left:${a * 100}%;width:${Math.max(1, (b - a) * 100)}%` }));
}

export class ProfileList {
  readonly element = h("div", { class: "avatar-list" });

  /** @param compare is given the profile to see live. */
  constructor(private compare: (name: string) => void) {
    void this.read();
  }

  async read(): Promise<void> {
    const found = await ask<Profile[]>("api/profiles");
    this.element.replaceChildren(...found.map((p) => this.row(p)));
    if (!found.length) this.element.append(h("p", { class: "hint" }, "None yet."));
  }

  private row(p: Profile): HTMLElement {
    const remove = h("button", { type: "button", class: "plain small", "aria-label": `Remove ${p.name}` });
    remove.onclick = () => void ask(`api/profiles/${encodeURIComponent(p.name)}`, { method: "DELETE" }).then(() => this.read());
    remove.append(icon(ICONS.close));
    const compare = h("button", { type: "button", class: "small", title: "See the camera with and without this profile", onclick: () => this.compare(p.name) }, "Compare");
    const source = h("small", { class: "hint" }, ` ${String(p.facts["source"] ?? "")}`);
    return h("div", { class: "avatar-row" }, h("span", { class: "grow" }, h("b", {}, p.name), source), compare, remove);
  }
}
