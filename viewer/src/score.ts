// A line of time on which expressions lie: drag them from the shelf, move them, change how strong they are. Keys do the same.

import { h } from "./dom";

export interface Note {
  what: string;
  micro: boolean;
  at: number;
  /** Seconds from onset to offset. */
  long: number;
  strong: number;
}

const STEP = 0.1;
const LONGEST = { micro: 0.5, macro: 20 };

/** What `mien animate --say` understands. */
export function wordsOf(notes: Note[]): string {
  const sorted = [...notes].sort((a, b) => a.at - b.at);
  return sorted
    .map((n) => `${n.micro ? "micro " : ""}${n.what} ${n.strong.toFixed(2)} at ${n.at.toFixed(1)}s for ${n.long.toFixed(1)}s`)
    .join(", ");
}

const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x));

/** @param changed is told after every change. */
export function score(names: string[], seconds: () => number, changed: (notes: Note[]) => void): {
  element: HTMLElement;
  redraw: () => void;
} {
  const notes: Note[] = [];
  const line = h("div", { class: "score-line", role: "group", "aria-label": "Timeline of expressions" });
  const micro = h("input", { type: "checkbox", id: "micro" });

  const put = (what: string, at: number): void => {
    const note = { what, micro: micro.checked, at: snap(at), long: micro.checked ? 0.4 : 2, strong: micro.checked ? 0.3 : 0.8 };
    notes.push(note);
    tell();
    (line.lastElementChild as HTMLElement | null)?.focus();
  };
  const snap = (at: number): number => clamp(Math.round(at / STEP) * STEP, 0, Math.max(0, seconds() - STEP));
  const timeAt = (x: number): number => {
    const box = line.getBoundingClientRect();
    return ((x - box.left) / Math.max(1, box.width)) * seconds();
  };
  const tell = (): void => {
    redraw();
    changed(notes);
  };

  const shelf = h("div", { class: "shelf" }, ...names.map((what) => chip(what)), h("label", { class: "check", for: "micro" }, micro, "as micro-expression"));
  function chip(what: string): HTMLElement {
    const end = (): number => notes.reduce((last, n) => Math.max(last, n.at + n.long), 0);
    return h(
      "button",
      {
        type: "button",
        class: "small",
        draggable: "true",
        title: `Drag ${what} onto the line, or press to add it at the end`,
        onclick: () => put(what, end()),
        ondragstart: ((e: DragEvent) => e.dataTransfer?.setData("text/plain", what)) as EventListener,
      },
      what,
    );
  }
  line.addEventListener("dragover", (e) => e.preventDefault());
  line.addEventListener("drop", (e) => {
    e.preventDefault();
    const what = e.dataTransfer?.getData("text/plain") ?? "";
    if (names.includes(what)) put(what, timeAt(e.clientX));
  });

  function block(note: Note): HTMLElement {
    const one = h("div", {
      class: "note",
      role: "slider",
      tabindex: 0,
      "data-micro": note.micro,
      "aria-label": `${note.micro ? "micro " : ""}${note.what}: arrows move and strengthen, plus and minus lengthen, Delete removes`,
      "aria-valuemin": 0,
      "aria-valuemax": seconds(),
      "aria-valuenow": note.at.toFixed(1),
      "aria-valuetext": `at ${note.at.toFixed(1)} s for ${note.long.toFixed(1)} s, strength ${note.strong.toFixed(2)}`,
      onkeydown: ((e: KeyboardEvent) => key(e, note)) as EventListener,
      onpointerdown: ((e: PointerEvent) => drag(e, one, note)) as EventListener,
    }, h("b", {}, note.what), h("small", {}, note.strong.toFixed(2)));
    place(one, note);
    return one;
  }
  function place(one: HTMLElement, note: Note): void {
    one.style.left = `${(note.at / seconds()) * 100}%`;
    one.style.width = `${(note.long / seconds()) * 100}%`;
    one.style.opacity = String(0.45 + 0.55 * note.strong);
  }
  function key(e: KeyboardEvent, note: Note): void {
    const longest = note.micro ? LONGEST.micro : LONGEST.macro;
    const moves: Record<string, () => void> = {
      ArrowLeft: () => (note.at = snap(note.at - STEP)),
      ArrowRight: () => (note.at = snap(note.at + STEP)),
      ArrowUp: () => (note.strong = clamp(note.strong + 0.05, 0.05, 1)),
      ArrowDown: () => (note.strong = clamp(note.strong - 0.05, 0.05, 1)),
      "+": () => (note.long = clamp(note.long + STEP, 0.1, longest)),
      "-": () => (note.long = clamp(note.long - STEP, 0.1, longest)),
      Delete: () => notes.splice(notes.indexOf(note), 1),
      Backspace: () => notes.splice(notes.indexOf(note), 1),
    };
    const move = moves[e.key];
    if (!move) return;
    e.preventDefault();
    move();
    tell();
    (line.children[notes.indexOf(note)] as HTMLElement | undefined)?.focus();
  }
  function drag(e: PointerEvent, one: HTMLElement, note: Note): void {
    const from = timeAt(e.clientX) - note.at;
    const high = e.clientY;
    const strong = note.strong;
    one.setPointerCapture(e.pointerId);
    let moved = false;
    const move = (m: PointerEvent): void => {
      moved = true;
      note.at = snap(timeAt(m.clientX) - from);
      note.strong = clamp(strong + (high - m.clientY) / 120, 0.05, 1);
      place(one, note);
    };
    const up = (): void => {
      one.removeEventListener("pointermove", move);
      if (!moved) return;
      tell();
      (line.children[notes.indexOf(note)] as HTMLElement | undefined)?.focus();
    };
    one.addEventListener("pointermove", move);
    one.addEventListener("pointerup", up, { once: true });
    one.addEventListener("pointercancel", up, { once: true });
  }
  function redraw(): void {
    for (const note of notes) note.at = snap(note.at);
    line.replaceChildren(...notes.map(block));
  }
  return { element: h("div", { class: "score" }, shelf, line), redraw };
}
