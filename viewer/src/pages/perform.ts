// A performance without a camera: words or expressions on a line become a take.

import type { Connection } from "../connection";
import { ask, h, remember, remembered, toast } from "../dom";
import type { Moods, PerformAsk, Performed } from "../messages";
import { score, wordsOf } from "../score";
import { listTakes } from "../takes";

interface Page {
  element: HTMLElement;
  close: () => void;
}

const FIRST = { words: "surprise 0.8 at 0.2s, micro fear 0.4 at 1.1s, then neutral", seconds: 6, seed: 0, fps: 60 };

export async function performPage(_: Connection): Promise<Page> {
  const [moods, takes] = await Promise.all([ask<Moods>("api/perform/expressions"), listTakes()]);
  const kept = remembered("perform", FIRST);
  const words = h("textarea", { id: "words", rows: 3, maxlength: 20000, spellcheck: "false" });
  words.value = kept.words;
  const seconds = number("seconds", kept.seconds, 0.5, 600, 0.5);
  const seed = number("seed", kept.seed, 0, 2147483647, 1);
  const fps = number("fps", kept.fps, 5, 240, 1);
  const name = h("input", { id: "name", type: "text", value: freeName(takes.map((t) => t.name)), maxlength: 64, pattern: "[A-Za-z0-9][A-Za-z0-9 _.\\-]*", required: true });
  const over = h("select", { id: "over" }, h("option", { value: "" }, "a face of its own"), ...takes.filter((t) => t.state === "complete").map((t) => h("option", { value: t.name }, t.name)));
  const made = h("div", { role: "status" });
  let fromLine = "";
  let typed = "";
  const undo = h("button", { type: "button", class: "small", hidden: true, onclick: () => (words.value = typed) }, "Back to the words that were there");
  const line = score(moods.names, () => Math.max(0.5, Number(seconds.value) || 6), (notes) => {
    if (words.value.trim() && words.value !== fromLine) typed = words.value;
    fromLine = wordsOf(notes);
    words.value = fromLine || typed;
    undo.hidden = !typed;
  });
  seconds.addEventListener("change", line.redraw);
  const button = h("button", { type: "submit", class: "primary", id: "perform" }, "Perform");

  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    button.disabled = true;
    made.replaceChildren("Performing …");
    remember("perform", { words: words.value, seconds: Number(seconds.value), seed: Number(seed.value), fps: Number(fps.value) });
    const asked: PerformAsk = { words: words.value, name: name.value.trim(), over: over.value || null, seed: Number(seed.value), fps: Number(fps.value), seconds: Number(seconds.value) };
    try {
      const done = await ask<Performed>("api/perform", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked) });
      made.replaceChildren(summary(done));
      takes.push({ ...takes[0]!, name: done.name });
      name.value = freeName(takes.map((t) => t.name));
    } catch (error) {
      made.replaceChildren();
      toast((error as Error).message, "error");
    }
    button.disabled = false;
  };

  const element = h(
    "div",
    { class: "narrow" },
    h("h1", {}, "Perform"),
    h("p", { class: "hint" }, "A performance without a camera. Drag expressions onto the line, or write what happens and when; the graph network chooses the action units, another seed chooses others."),
    h(
      "form",
      { class: "card perform", onsubmit: (e: Event) => void send(e) },
      line.element,
      h("label", { for: "words" }, "What happens"),
      words,
      undo,
      h("div", { class: "fields" }, field("Seconds", seconds), field("Frames per second", fps), field("Seed", seed), field("Over", over), field("Name of the take", name)),
      button,
    ),
    made,
  );
  return { element, close: () => undefined };
}

function number(id: string, value: number, min: number, max: number, step: number): HTMLInputElement {
  return h("input", { id, type: "number", value, min, max, step, required: true });
}

function field(title: string, input: HTMLElement): HTMLElement {
  return h("label", { for: input.id }, title, input);
}

function freeName(taken: string[]): string {
  let n = 1;
  while (taken.includes(`performance ${n}`)) n++;
  return `performance ${n}`;
}

function summary(done: Performed): HTMLElement {
  const rows = done.acts.map((act) =>
    h(
      "li",
      {},
      h("b", {}, `${act.kind === "micro" ? "micro " : ""}${act.expression ?? "units"} ${act.intensity.toFixed(2)}`),
      ` ${act.onset_s.toFixed(2)}–${act.offset_s.toFixed(2)} s, apex ${act.apex_s.toFixed(2)} s: `,
      Object.entries(act.units).map(([unit, value]) => `${unit} ${value.toFixed(1)}`).join(", "),
    ),
  );
  return h("div", { class: "card" }, h("p", {}, `${done.frames.toLocaleString()} frames. `, h("a", { class: "button", id: "open-take", href: `#/takes/${encodeURIComponent(done.name)}` }, "Open the take")), h("ul", {}, ...rows));
}
