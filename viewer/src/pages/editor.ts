// The take editor: curves, video and character in step; operations with undo and redo; why; export.

import { currentAvatar } from "../avatars";
import { CharacterView } from "../character";
import type { Connection } from "../connection";
import { ICONS, h, icon, toast } from "../dom";
import { EventList, type TakeEvent, entriesOf } from "../events";
import { exportMenu } from "../exporting";
import type { Lane } from "../lanes";
import { unitWords } from "../marks";
import type { EditList, FrameWhy, Hello, TakeDetail } from "../messages";
import { operationForm } from "../operation_form";
import { type Operation, sentence } from "../operations";
import type { Shift } from "../shift";
import { type Curves, openTake, readCurves, readEdits, whyFrame, writeEdits } from "../takes";
import { Timeline } from "../timeline";
import { videoPane } from "../video_pane";
import { whyOf } from "../why";

const COLOURS = ["#0f8b8d", "#d9822b", "#2f74c8", "#9a5bc0", "#c2486b", "#5c8f2e"];
const UNIT_COLOUR = "#d9822b";
const FIRST_LANES = ["eyeBlinkLeft", "jawOpen", "mouthSmileLeft", "browInnerUp"];

export async function editorPage(connection: Connection, name: string): Promise<{ element: HTMLElement; close: () => void }> {
  const [take, hello] = await Promise.all([openTake(name), helloOf(connection)]);
  const editor = new Editor(take, hello);
  await editor.load();
  return { element: editor.element, close: () => editor.close() };
}

function helloOf(connection: Connection): Promise<Hello> {
  return new Promise((done) => {
    const end = connection.listen((m) => {
      if (m.type === "hello") {
        done(m);
        queueMicrotask(() => end());
      }
    });
  });
}

class Editor {
  readonly element: HTMLElement;
  private timeline = new Timeline();
  private events: EventList;
  private view: CharacterView | null = null;
  private curves: Curves | null = null;
  private edits: EditList = { operations: [], done: 0 };
  private changing: Promise<void> = Promise.resolve();
  private track: number;
  private chosen = new Set(FIRST_LANES);
  private playing = false;
  private alive = true;
  private startedAt = 0;
  private whyTurn = 0;
  private weights = new Float32Array(52);

  private video = h("video", { muted: true, playsinline: true, preload: "auto", "aria-label": "The clip with what was found in it" });
  private clock = h("output", { class: "clock" });
  private playButton = h("button", { type: "button", class: "primary", id: "play", "aria-label": "Play or pause", title: "Space" });
  private undoButton = h("button", { type: "button", id: "undo", title: "Ctrl+Z" });
  private redoButton = h("button", { type: "button", id: "redo", title: "Ctrl+Shift+Z" });
  private history = h("ol", { class: "history" });
  private scope = h("p", { class: "hint", id: "scope" });
  private why = h("div", { class: "why" });
  private chips = h("div", { class: "chips", role: "group", "aria-label": "Curves shown" });
  private keys = (event: KeyboardEvent): void => this.key(event);

  constructor(
    private take: TakeDetail,
    private hello: Hello,
  ) {
    this.track = take.tracks[0]?.track_id ?? 0;
    this.events = new EventList(take.first_ns, hello.names.units, hello.names.unit_titles);
    this.undoButton.append(icon(ICONS.undo), "Undo");
    this.redoButton.append(icon(ICONS.redo), "Redo");
    this.undoButton.onclick = () => void this.step(-1);
    this.redoButton.onclick = () => void this.step(1);
    this.playButton.onclick = () => this.toggle();
    this.showPlay();
    const character = h("div", { class: "pane character-pane" });
    const back = h("a", { class: "button", href: "#/takes", "aria-label": "All takes" });
    back.append(icon(ICONS.back));
    const tracks = h(
      "select",
      {
        "aria-label": "Face",
        onchange: () => {
          this.track = Number(tracks.value);
          this.showEvents();
          void this.reload();
        },
      },
      ...take.tracks.map((t) => h("option", { value: t.track_id }, `Face ${t.track_id} · ${t.frames} frames`)),
    );
    this.element = h(
      "div",
      { class: "editor" },
      h(
        "div",
        { class: "row editor-head" },
        back,
        h("h1", {}, take.name === "." ? take.source : take.name),
        h("span", { class: "hint" }, `${take.frames.toLocaleString()} frames, ${((take.last_ns - take.first_ns) / 1e9).toFixed(1)} s`),
        h("span", { class: "grow" }),
        take.tracks.length > 1 ? tracks : null,
        this.undoButton,
        this.redoButton,
        exportMenu(take.name, () => this.track),
      ),
      h("div", { class: "stage" }, videoPane(this.video, take), character),
      h(
        "section",
        { class: "card timeline-card" },
        h(
          "div",
          { class: "row" },
          this.playButton,
          this.clock,
          h("span", { class: "grow" }),
          h("button", { type: "button", class: "small", title: "+", onclick: () => this.timeline.zoom(0.6) }, "Zoom +"),
          h("button", { type: "button", class: "small", title: "-", onclick: () => this.timeline.zoom(1.7) }, "Zoom −"),
        ),
        this.chips,
        this.timeline.element,
      ),
      h("aside", { class: "side" }, this.operations(), this.events.element, h("section", { class: "card" }, h("h2", {}, "Why does it look like this?", h("small", { id: "why-frame" })), this.why)),
    );
    try {
      this.view = new CharacterView(character);
    } catch {
      character.append(h("p", { class: "note" }, "This browser draws no 3-D pictures (WebGL is off)."));
    }
    this.timeline.onseek = (t) => this.seek(t);
    this.timeline.onselect = () => this.showScope();
    this.timeline.onshift = (shift) => this.draw(shift);
    this.events.onchoose = (event) => this.choose(event);
    this.showEvents();
    document.addEventListener("keydown", this.keys);
  }

  async load(): Promise<void> {
    this.edits = await readEdits(this.take.name);
    await this.reload();
    this.seek(0);
    requestAnimationFrame(() => this.tick());
    try {
      await this.view?.load(await currentAvatar(), this.hello.names.shapes);
    } catch (error) {
      toast(`The character cannot be shown: ${(error as Error).message}`, "error");
    }
  }

  close(): void {
    this.alive = false;
    document.removeEventListener("keydown", this.keys);
    this.timeline.close();
    this.view?.close();
    this.video.removeAttribute("src");
  }

  private operations(): HTMLElement {
    const form = operationForm(
      () => ({ shapes: this.shownShapes(), track: this.track, span: this.timeline.selection, time: this.timeline.time, ns: (t) => this.ns(t) }),
      (operation) => void this.add(operation),
    );
    return h("section", { class: "card operations" }, h("h2", {}, "Edit"), this.scope, form, this.history);
  }

  /** Seconds from the first frame → the take's own clock. */
  private ns(time: number): number {
    return Math.round(this.take.first_ns + time * 1e9);
  }

  /** A curve was drawn up or down. */
  private draw(shift: Shift): void {
    const offset = Math.round(shift.offset * 1e4) / 1e4;
    void this.add({ kind: "gain", gain: 1, offset, shapes: [shift.lane], start_ns: this.ns(shift.start), end_ns: this.ns(shift.end), track_id: this.track });
  }

  private choose(event: TakeEvent | null): void {
    this.timeline.selection = event ? [this.events.at(event.onset_ns), this.events.at(event.offset_ns)] : null;
    if (event) this.seek(this.events.at(event.apex_ns));
    this.fillLanes();
    this.showScope();
    this.explainEvent();
  }

  private explainEvent(): void {
    const { units, unitColumns: columns } = this.curves!;
    this.events.explain({ units, columns, row: (t) => this.timeline.row(t + 1e-3) });
  }

  private showEvents(): void {
    const mine = this.take.events.filter((e) => e.track_id === this.track);
    this.events.show(mine);
    this.timeline.marks = mine.map((e) => ({
      start: this.events.at(e.onset_ns),
      apex: this.events.at(e.apex_ns),
      end: this.events.at(e.offset_ns),
      label: `${e.kind} ${e.action_units.join(" ")}`,
    }));
  }

  private shownShapes(): string[] {
    return this.hello.names.shapes.filter((n) => this.chosen.has(n));
  }

  private add(operation: Operation): Promise<void> {
    return this.change((now) => ({ operations: [...now.operations.slice(0, now.done), operation], done: now.done + 1 }));
  }

  private step(by: 1 | -1): Promise<void> {
    return this.change((now) => {
      const done = now.done + by;
      return done < 0 || done > now.operations.length ? null : { ...now, done };
    });
  }

  /** Changes are made one after the other, each on the result of the one before, however quickly they are asked for. */
  private change(make: (now: EditList) => EditList | null): Promise<void> {
    this.changing = this.changing.then(async () => {
      const edits = make(this.edits);
      if (!edits || !this.alive) return;
      try {
        this.edits = await writeEdits(this.take.name, edits);
        await this.reload();
      } catch (error) {
        toast((error as Error).message, "error");
        this.fillLanes();
      }
    });
    return this.changing;
  }

  private async reload(): Promise<void> {
    const first = !this.curves;
    this.curves = await readCurves(this.take.name, this.track);
    if (!this.alive) return;
    if (first) this.timeline.setTimes(this.curves.t);
    this.showLanes();
    this.showHistory();
    this.showScope();
    this.seek(this.timeline.time);
  }

  private showLanes(): void {
    const curves = this.curves!;
    const { shapes } = this.hello.names;
    const measured = shapes.map((_, k) => {
      let top = 0;
      for (let row = 0; row < curves.rows; row++) top = Math.max(top, curves.edited[row * 52 + k] || 0, curves.raw[row * 52 + k] || 0);
      return top;
    });
    this.chips.replaceChildren(
      ...shapes
        .map((shape, k) => ({ shape, top: measured[k]! }))
        .filter((s) => s.top > 0.02 || this.chosen.has(s.shape))
        .map(({ shape }) => {
          const chip = h(
            "button",
            {
              type: "button",
              class: "shape-chip",
              "aria-pressed": String(this.chosen.has(shape)),
              onclick: () => {
                if (this.chosen.has(shape)) this.chosen.delete(shape);
                else this.chosen.add(shape);
                chip.setAttribute("aria-pressed", String(this.chosen.has(shape)));
                this.fillLanes();
                this.showScope();
              },
            },
            shape,
          );
          return chip;
        }),
    );
    this.fillLanes();
  }

  private fillLanes(): void {
    const curves = this.curves!;
    const { shapes } = this.hello.names;
    const shown = this.shownShapes().map((name, i): Lane => {
      const k = shapes.indexOf(name);
      return {
        name,
        colour: COLOURS[i % COLOURS.length]!,
        raw: (row) => curves.raw[row * 52 + k]!,
        edited: (row) => curves.edited[row * 52 + k]!,
        top: 1,
      };
    });
    this.timeline.lanes = [...shown, ...this.unitLanes()];
    this.timeline.redraw();
  }

  /** Action units of the chosen event: measured, not edited. */
  private unitLanes(): Lane[] {
    const event = this.events.current;
    const { units, unitColumns } = this.curves!;
    const { units: names } = this.hello.names;
    const entries = event ? entriesOf(event, names) : [];
    return entries.map((k): Lane => {
      const value = (row: number): number => units[row * unitColumns + k]!;
      return { name: unitWords([names[k]!], {}).short, colour: UNIT_COLOUR, raw: value, edited: value, top: 5, fixed: true };
    });
  }

  private showScope(): void {
    const n = this.chosen.size;
    const s = this.timeline.selection;
    const where = s ? `from ${s[0].toFixed(2)} to ${s[1].toFixed(2)} s` : "over the whole take";
    this.scope.textContent = n
      ? `Acts on the ${n} curve${n > 1 ? "s" : ""} shown, ${where}. Drag over the curves to select a span; drag a curve itself up or down to change it.`
      : `Acts on all 52 shapes, ${where}.`;
  }

  private showHistory(): void {
    this.undoButton.disabled = this.edits.done === 0;
    this.redoButton.disabled = this.edits.done === this.edits.operations.length;
    this.history.replaceChildren(
      ...this.edits.operations.map((o, k) => h("li", { class: k < this.edits.done ? "" : "undone" }, sentence(o, this.take.first_ns))),
    );
  }

  private seek(time: number): void {
    this.timeline.seek(time);
    if (this.playing) this.startedAt = performance.now() - this.timeline.time * 1000;
    if (this.take.video && Math.abs(this.video.currentTime - time) > 0.02) this.video.currentTime = this.timeline.time;
    this.showTime();
    if (!this.playing) void this.explain();
  }

  private toggle(): void {
    const end = this.curves?.t[this.curves.rows - 1] ?? 0;
    if (!this.playing && this.timeline.time >= end - 0.01) this.seek(0);
    this.playing = !this.playing;
    this.startedAt = performance.now() - this.timeline.time * 1000;
    if (this.playing) void this.video.play().catch(() => undefined);
    else {
      this.video.pause();
      void this.explain();
    }
    this.showPlay();
  }

  private showPlay(): void {
    this.playButton.replaceChildren(icon(this.playing ? ICONS.pause : ICONS.play));
  }

  private tick(): void {
    if (!this.alive) return;
    requestAnimationFrame(() => this.tick());
    if (!this.playing || !this.curves) return;
    const own = this.take.video && !this.video.paused && this.video.readyState > 2;
    const time = own ? this.video.currentTime : (performance.now() - this.startedAt) / 1000;
    const end = this.curves.t[this.curves.rows - 1] ?? 0;
    this.timeline.seek(time);
    this.showTime();
    if (time >= end || this.video.ended) this.toggle();
  }

  private showTime(): void {
    const curves = this.curves;
    if (!curves?.rows) return;
    const row = this.timeline.row(this.timeline.time);
    this.clock.textContent = `${this.timeline.time.toFixed(2)} s · frame ${row}`;
    this.weights.set(curves.edited.subarray(row * 52, row * 52 + 52));
    const turns = curves.turns.subarray(row * 12, row * 12 + 12);
    this.view?.play({
      weights: this.weights,
      head: turns.subarray(0, 4),
      leftEye: turns.subarray(4, 8),
      rightEye: turns.subarray(8, 12),
      place: new Float32Array(3),
    });
  }

  private async explain(): Promise<void> {
    const turn = ++this.whyTurn;
    await new Promise((done) => setTimeout(done, 120));
    if (turn !== this.whyTurn || !this.alive) return;
    const row = this.timeline.row(this.timeline.time);
    try {
      const why = await whyFrame(this.take.name, this.track, row);
      if (turn === this.whyTurn) this.showWhy(why);
    } catch (error) {
      this.why.replaceChildren((error as Error).message);
    }
  }

  private showWhy(why: FrameWhy): void {
    this.element.querySelector("#why-frame")!.textContent = `frame ${why.index}`;
    this.why.replaceChildren(...whyOf(why));
  }

  private key(event: KeyboardEvent): void {
    const field = event.target instanceof HTMLElement && event.target.matches("input, select, textarea");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !field) {
      event.preventDefault();
      void this.step(event.shiftKey ? 1 : -1);
    } else if (event.key === " " && !field && !(event.target instanceof HTMLButtonElement)) {
      event.preventDefault();
      this.toggle();
    }
  }
}
