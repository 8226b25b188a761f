// The take editor: curves, video and character in step; operations with undo and redo; why; export.

import { currentAvatar } from "../avatars";
import { CharacterView } from "../character";
import type { Connection } from "../connection";
import { CurveChoice } from "../curve_choice";
import { ICONS, h, icon, toast } from "../dom";
import { clock } from "../drawing";
import { EditHistory } from "../edit_history";
import { EventList, type TakeEvent } from "../events";
import { exportMenu } from "../exporting";
import type { Hello, TakeDetail } from "../messages";
import { operationForm } from "../operation_form";
import type { Shift } from "../shift";
import { type Curves, openTake, readCurves } from "../takes";
import { Timeline } from "../timeline";
import { videoPane } from "../video_pane";
import { WhyPanel } from "../why";

const BEHIND_S = 0.001;

export async function editorPage(connection: Connection, name: string): Promise<{ element: HTMLElement; close: () => void }> {
  const [take, hello] = await Promise.all([openTake(name), connection.greeting()]);
  const editor = new Editor(take, hello);
  await editor.load();
  return { element: editor.element, close: () => editor.close() };
}

class Editor {
  readonly element: HTMLElement;
  private timeline = new Timeline();
  private events: EventList;
  private view: CharacterView | null = null;
  private curves: Curves | null = null;
  private history: EditHistory;
  private choice: CurveChoice;
  private track: number;
  private playing = false;
  private alive = true;
  private end = (): void => undefined;
  private startedAt = 0;
  private weights = new Float32Array(52);

  private video = h("video", { muted: true, playsinline: true, preload: "auto", "aria-label": "The clip with what was found in it" });
  private clock = h("output", { class: "clock" });
  private playButton = h("button", { type: "button", class: "primary", id: "play", "aria-label": "Play or pause", title: "Space" });
  private scope = h("p", { class: "hint", id: "scope" });
  private why: WhyPanel;
  private keys = (event: KeyboardEvent): void => this.key(event);

  constructor(
    private take: TakeDetail,
    private hello: Hello,
  ) {
    this.track = take.tracks[0]?.track_id ?? 0;
    this.events = new EventList(take.first_ns, hello.names.units, hello.names.unit_titles);
    this.history = new EditHistory(
      take,
      () => this.reload(),
      () => this.fillLanes(),
    );
    this.why = new WhyPanel(take.name);
    this.choice = new CurveChoice(hello.names, () => {
      this.fillLanes();
      this.showScope();
    });
    this.playButton.onclick = () => this.toggle();
    this.showPlay();
    const character = h("div", { class: "pane character-pane" });
    this.element = this.layout(character);
    try {
      this.view = new CharacterView(character);
    } catch {
      character.append(h("p", { class: "note" }, "This browser draws no 3-D pictures (WebGL is off)."));
    }
    this.timeline.onseek = (t) => this.seek(t);
    this.timeline.onselect = () => this.showScope();
    this.timeline.onshift = (shift) => this.shift(shift);
    this.events.onchoose = (event) => this.choose(event);
    this.showEvents();
    document.addEventListener("keydown", this.keys);
  }

  async load(): Promise<void> {
    await this.history.load();
    await this.reload();
    this.seek(0);
    this.end = clock().each(() => this.tick());
    if (!this.alive) this.end();
    try {
      await this.view?.load(await currentAvatar(), this.hello.names.shapes);
    } catch (error) {
      toast(`The character cannot be shown: ${(error as Error).message}`, "error");
    }
  }

  close(): void {
    this.alive = false;
    this.end();
    this.history.close();
    this.why.close();
    document.removeEventListener("keydown", this.keys);
    this.timeline.close();
    this.view?.close();
    this.video.removeAttribute("src");
  }

  private layout(character: HTMLElement): HTMLElement {
    const { take } = this;
    const back = h("a", { class: "button", href: "#/takes", "aria-label": "All takes" });
    back.append(icon(ICONS.back));
    return h(
      "div",
      { class: "editor" },
      h(
        "div",
        { class: "row editor-head" },
        back,
        h("h1", {}, take.name === "." ? take.source : take.name),
        h("span", { class: "hint" }, `${take.frames.toLocaleString()} frames, ${((take.last_ns - take.first_ns) / 1e9).toFixed(1)} s`),
        h("span", { class: "grow" }),
        take.tracks.length > 1 ? this.faces() : null,
        this.history.undo,
        this.history.redo,
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
        this.choice.element,
        this.timeline.element,
      ),
      h("aside", { class: "side" }, this.operations(), this.events.element, this.why.element),
    );
  }

  /** To choose a face of the take. */
  private faces(): HTMLElement {
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
      ...this.take.tracks.map((t) => h("option", { value: t.track_id }, `Face ${t.track_id} · ${t.frames} frames`)),
    );
    return tracks;
  }

  private operations(): HTMLElement {
    const form = operationForm(
      () => ({ shapes: this.choice.shapes, track: this.track, span: this.timeline.selection, time: this.timeline.time, ns: (t) => this.ns(t) }),
      (operation) => void this.history.add(operation),
    );
    return h("section", { class: "card operations" }, h("h2", {}, "Edit"), this.scope, form, this.history.list);
  }

  /** Seconds from the first frame → the take's own clock. */
  private ns(time: number): number {
    return Math.round(this.take.first_ns + time * 1e9);
  }

  /** A curve was drawn up or down. */
  private shift(shift: Shift): Promise<void> {
    const offset = Math.round(shift.offset * 1e4) / 1e4;
    return this.history.add({ kind: "gain", gain: 1, offset, shapes: [shift.lane], start_ns: this.ns(shift.start), end_ns: this.ns(shift.end), track_id: this.track });
  }

  private choose(event: TakeEvent | null): void {
    this.timeline.selection = event ? [this.events.at(event.onset_ns), this.events.at(event.offset_ns)] : null;
    if (event) this.seek(this.events.at(event.apex_ns));
    this.fillLanes();
    this.showScope();
    this.explainEvent();
  }

  private explainEvent(): void {
    if (!this.curves) return; // they are on their way, and `reload` explains
    const { units, unitColumns: columns } = this.curves;
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

  private async reload(): Promise<void> {
    const first = !this.curves;
    this.curves = await readCurves(this.take.name, this.track);
    if (!this.alive) return;
    if (first) this.timeline.setTimes(this.curves.t);
    this.choice.show(this.curves);
    this.fillLanes();
    this.showScope();
    this.explainEvent();
    this.seek(this.timeline.time);
  }

  private fillLanes(): void {
    if (!this.curves) return;
    this.timeline.lanes = this.choice.lanes(this.curves, this.events.current);
    this.timeline.redraw();
  }

  private showScope(): void {
    const n = this.choice.shapes.length;
    const s = this.timeline.selection;
    const where = s ? `from ${s[0].toFixed(2)} to ${s[1].toFixed(2)} s` : "over the whole take";
    this.scope.textContent = n
      ? `Acts on the ${n} curve${n > 1 ? "s" : ""} shown, ${where}. Drag over the curves to select a span; drag a curve itself up or down to change it.`
      : `Acts on all 52 shapes, ${where}.`;
  }

  private seek(time: number): void {
    this.timeline.seek(time);
    if (this.playing) this.startedAt = performance.now() - this.timeline.time * 1000;
    this.seekVideo();
    this.showTime();
    if (!this.playing) this.explain();
  }

  /** The frame that the character shows; a little behind its beginning, where rounding would give the one before. */
  private seekVideo(): void {
    const { video, timeline } = this;
    if (!this.take.video || timeline.row(video.currentTime) === timeline.row(timeline.time)) return;
    video.currentTime = Math.max(timeline.time, this.curves?.t[timeline.row(timeline.time)] ?? 0) + BEHIND_S;
  }

  private toggle(): void {
    const end = this.curves?.t[this.curves.rows - 1] ?? 0;
    if (!this.playing && this.timeline.time >= end - 0.01) this.seek(0);
    this.playing = !this.playing;
    this.startedAt = performance.now() - this.timeline.time * 1000;
    if (this.playing) void this.video.play().catch(() => undefined);
    else {
      this.video.pause();
      this.explain();
    }
    this.showPlay();
  }

  private showPlay(): void {
    this.playButton.replaceChildren(icon(this.playing ? ICONS.pause : ICONS.play));
  }

  private tick(): void {
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

  private explain(): void {
    if (this.alive) void this.why.explain(this.track, () => this.timeline.row(this.timeline.time));
  }

  private key(event: KeyboardEvent): void {
    const field = event.target instanceof HTMLElement && event.target.matches("input, select, textarea");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !field) {
      event.preventDefault();
      this.timeline.finish();
      void this.history.step(event.shiftKey ? 1 : -1);
    } else if (event.key === " " && !field && !(event.target instanceof HTMLButtonElement)) {
      event.preventDefault();
      this.toggle();
    }
  }
}
