// Curves over time: zoom, scrub, select a span, draw a curve up or down. Draws only what is seen.

import { h } from "./dom";
import { type Inks, LANE_PX, type Lane, type Mark, RULER_PX, type Scale, drawLane, drawMarks, drawRuler, valueAt, yOf } from "./lanes";
import { type Shift, shiftTo, shifted } from "./shift";

const LABEL_PX = 118;
/** So near to a curve it is grabbed, px. */
const GRAB_PX = 9;
const STEP = 0.05;
const FINE_STEP = 0.01;

export class Timeline {
  readonly element: HTMLElement;
  marks: Mark[] = [];
  time = 0;
  selection: [number, number] | null = null;
  onseek: ((t: number) => void) | null = null;
  onselect: (() => void) | null = null;
  /** A curve was drawn up or down. */
  onshift: ((shift: Shift) => void) | null = null;

  private canvas = h("canvas", { tabindex: 0, role: "slider", "aria-label": "Time line" });
  private scroller: HTMLElement;
  private t: Float64Array = new Float64Array(0);
  private from = 0;
  private to = 1;
  private dragging: "seek" | "select" | "shift" | null = null;
  private active = 0;
  private shown: Lane[] = [];
  private shift: Shift | null = null;
  /** A shift that counts but is not in the curves yet. */
  private settling: Shift | null = null;
  private grabbed = { time: 0, value: 0, y: 0 };
  private anchor = 0;
  private queued = false;
  private resizing: ResizeObserver;

  constructor() {
    this.scroller = h("div", { class: "timeline-scroll" }, this.canvas);
    this.element = h("div", { class: "timeline" }, this.scroller);
    this.canvas.addEventListener("pointerdown", (e) => this.down(e));
    this.canvas.addEventListener("pointermove", (e) => this.move(e));
    this.canvas.addEventListener("pointerup", () => this.up());
    this.canvas.addEventListener("pointercancel", () => this.cancel());
    this.canvas.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    this.canvas.addEventListener("keydown", (e) => this.key(e));
    this.canvas.addEventListener("blur", () => this.finish());
    this.resizing = new ResizeObserver(() => this.redraw());
    this.resizing.observe(this.scroller);
  }

  get lanes(): Lane[] {
    return this.shown;
  }

  set lanes(lanes: Lane[]) {
    this.shown = lanes;
    this.settling = null;
    this.active = Math.min(this.active, Math.max(0, lanes.length - 1));
    this.speak();
  }

  setTimes(t: Float64Array): void {
    this.t = t;
    [this.from, this.to] = [0, Math.max(0.1, t.length ? t[t.length - 1]! : 1)];
    this.redraw();
  }

  /** Row of the sample at or before a time. */
  row(time: number): number {
    let [low, high] = [0, this.t.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.t[middle]! <= time + 1e-6) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  seek(time: number, follow = true): void {
    if (this.dragging !== "shift") this.finish();
    this.time = Math.max(0, Math.min(this.last, time));
    if (follow && (this.time < this.from || this.time > this.to)) {
      const span = this.to - this.from;
      this.show(this.time - span * 0.1, this.time + span * 0.9);
    }
    this.canvas.setAttribute("aria-valuenow", this.time.toFixed(2));
    this.speak();
    this.redraw();
  }

  zoom(factor: number, about = this.time): void {
    const share = (about - this.from) / (this.to - this.from);
    const span = Math.min(this.last, Math.max(0.2, (this.to - this.from) * factor));
    this.show(about - share * span, about + (1 - share) * span);
  }

  redraw(): void {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => {
      this.queued = false;
      this.draw();
    });
  }

  close(): void {
    this.resizing.disconnect();
  }

  private get last(): number {
    return Math.max(0.1, this.t.length ? this.t[this.t.length - 1]! : 1);
  }

  private show(from: number, to: number): void {
    const span = to - from;
    this.from = Math.max(0, Math.min(from, this.last - span));
    this.to = this.from + span;
    this.redraw();
  }

  private get labelPx(): number {
    return this.canvas.clientWidth < 500 ? 78 : LABEL_PX;
  }

  private x(time: number): number {
    const wide = this.canvas.clientWidth - this.labelPx;
    return this.labelPx + ((time - this.from) / (this.to - this.from)) * wide;
  }

  private timeAt(event: { offsetX: number }): number {
    const share = (event.offsetX - this.labelPx) / (this.canvas.clientWidth - this.labelPx);
    return Math.max(0, Math.min(this.last, this.from + share * (this.to - this.from)));
  }

  private down(event: PointerEvent): void {
    this.canvas.setPointerCapture(event.pointerId);
    this.anchor = this.timeAt(event);
    const grabbed = event.shiftKey ? null : this.curveAt(event);
    this.dragging = grabbed !== null ? "shift" : event.shiftKey || event.offsetY > RULER_PX ? "select" : "seek";
    if (this.dragging === "seek") return this.onseek?.(this.anchor);
    this.finish();
    if (grabbed === null) return;
    this.active = grabbed;
    const row = this.nearest(this.anchor);
    this.grabbed = { time: this.t[row]!, value: this.lanes[grabbed]!.edited(row), y: event.offsetY };
    this.onseek?.(this.grabbed.time);
  }

  private move(event: PointerEvent): void {
    if (!this.dragging) {
      this.canvas.style.cursor = this.curveAt(event) === null ? "" : "ns-resize";
      return;
    }
    if (this.dragging === "shift") return this.drag(event);
    const here = this.timeAt(event);
    if (this.dragging === "seek") return this.onseek?.(here);
    if (Math.abs(this.x(here) - this.x(this.anchor)) < 4) return;
    this.selection = [Math.min(here, this.anchor), Math.max(here, this.anchor)];
    this.redraw();
  }

  private drag(event: PointerEvent): void {
    const lane = this.lanes[this.active];
    if (!lane || (!this.shift && Math.abs(event.offsetY - this.grabbed.y) < 3)) return;
    const by = valueAt(event.offsetY, lane.top) - valueAt(this.grabbed.y, lane.top);
    this.shift = shiftTo(lane.name, this.grabbed.time, this.grabbed.value, this.grabbed.value + by, this.selection);
    this.speak();
    this.redraw();
  }

  private up(): void {
    if (this.dragging === "select") {
      const wide = this.selection && this.x(this.selection[1]) - this.x(this.selection[0]) >= 4;
      const inside = this.selection && this.anchor >= this.selection[0] && this.anchor <= this.selection[1];
      if (!wide || !inside) {
        this.selection = null;
        this.onseek?.(this.anchor);
      }
      this.onselect?.();
    }
    this.dragging = null;
    this.finish();
    this.redraw();
  }

  private cancel(): void {
    this.dragging = null;
    this.shift = null;
    this.redraw();
  }

  /** What was drawn counts from now on. */
  private finish(): void {
    const shift = this.shift;
    this.shift = null;
    if (!shift || Math.abs(shift.offset) <= 1e-4) return;
    this.settling = shift;
    this.onshift?.(shift);
  }

  /** The lane whose curve lies under the pointer, or null. */
  private curveAt(event: { offsetX: number; offsetY: number }): number | null {
    const k = Math.floor((event.offsetY - RULER_PX) / LANE_PX);
    const lane = this.lanes[k];
    if (!lane || lane.fixed || event.offsetX < this.labelPx || event.offsetY < RULER_PX) return null;
    const y = event.offsetY - RULER_PX - k * LANE_PX;
    // A steep curve passes by within a few pixels to the left or right as well.
    for (const dx of [0, -4, 4]) {
      const value = lane.edited(this.nearest(this.timeAt({ offsetX: event.offsetX + dx })));
      if (!Number.isNaN(value) && Math.abs(yOf(value, lane.top) - y) <= GRAB_PX) return k;
    }
    return null;
  }

  private nearest(time: number): number {
    const row = this.row(time);
    return row + 1 < this.t.length && this.t[row + 1]! - time < time - this.t[row]! ? row + 1 : row;
  }

  /** The value at the time, up or down with the keyboard; Enter, or whatever else is done, makes it count. */
  private nudge(by: number): void {
    const lane = this.lanes[this.active];
    const row = this.row(this.time);
    if (!lane || lane.fixed || Number.isNaN(lane.edited(row))) return;
    const [time, value] = [this.t[row]!, lane.edited(row)];
    const now = this.shift ? shifted(value, time, this.shift) : value;
    this.shift = shiftTo(lane.name, time, value, now + by, this.selection);
    this.speak();
    this.redraw();
  }

  private choose(by: number): void {
    this.finish();
    this.active = Math.max(0, Math.min(this.lanes.length - 1, this.active + by));
    this.scroller.scrollTop = RULER_PX + this.active * LANE_PX - this.scroller.clientHeight / 2;
    this.speak();
    this.redraw();
  }

  /** For those who hear the page: the time, and the value of the chosen curve. */
  private speak(): void {
    const lane = this.lanes[this.active];
    const row = this.row(this.time);
    const value = lane ? this.withShift(lane).edited(row) : Number.NaN;
    const words = lane ? `, ${lane.name} ${Number.isNaN(value) ? "not measured" : value.toFixed(2)}` : "";
    this.canvas.setAttribute("aria-valuetext", `${this.time.toFixed(2)} s${words}`);
  }

  private withShift(lane: Lane): Lane {
    const shift = this.shift ?? this.settling;
    if (!shift || shift.lane !== lane.name || lane.fixed) return lane;
    return { ...lane, edited: (row) => shifted(lane.edited(row), this.t[row]!, shift) };
  }

  private wheel(event: WheelEvent): void {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey && Math.abs(event.deltaX) < Math.abs(event.deltaY)) {
      if (this.scroller.scrollHeight > this.scroller.clientHeight + 1) return;
    }
    event.preventDefault();
    const span = this.to - this.from;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = ((event.deltaX || event.deltaY) / 800) * span;
      this.show(this.from + by, this.to + by);
    } else this.zoom(Math.exp(event.deltaY / 400), this.timeAt(event));
  }

  private key(event: KeyboardEvent): void {
    const row = this.row(this.time);
    const step = (n: number): number => this.t[Math.max(0, Math.min(this.t.length - 1, row + n))] ?? 0;
    const keys: Record<string, () => void> = {
      ArrowLeft: () => this.onseek?.(step(event.shiftKey ? -10 : -1)),
      ArrowRight: () => this.onseek?.(step(event.shiftKey ? 10 : 1)),
      Home: () => this.onseek?.(0),
      End: () => this.onseek?.(this.last),
      "+": () => this.zoom(0.7),
      "=": () => this.zoom(0.7),
      "-": () => this.zoom(1.4),
      ArrowUp: () => this.nudge(event.shiftKey ? FINE_STEP : STEP),
      ArrowDown: () => this.nudge(event.shiftKey ? -FINE_STEP : -STEP),
      PageUp: () => this.choose(-1),
      PageDown: () => this.choose(1),
      Enter: () => this.finish(),
      Escape: () => {
        if (this.shift) return this.cancel();
        this.selection = null;
        this.onselect?.();
        this.redraw();
      },
      "[": () => this.bound(0),
      "]": () => this.bound(1),
    };
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    act();
  }

  /** Put an end of the selection where the time is. */
  private bound(end: 0 | 1): void {
    const now = this.selection ?? [0, this.last];
    now[end] = this.time;
    this.selection = [Math.min(...now), Math.max(...now)];
    this.onselect?.();
    this.redraw();
  }

  private draw(): void {
    const ratio = Math.min(devicePixelRatio, 2);
    const wide = this.scroller.clientWidth;
    const high = RULER_PX + Math.max(1, this.lanes.length) * LANE_PX + 2;
    if (!wide) return;
    this.canvas.style.height = `${high}px`;
    if (this.canvas.width !== Math.round(wide * ratio)) this.canvas.width = Math.round(wide * ratio);
    if (this.canvas.height !== Math.round(high * ratio)) this.canvas.height = Math.round(high * ratio);
    const c = this.canvas.getContext("2d")!;
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, wide, high);
    const style = getComputedStyle(this.element);
    const colour = (name: string): string => style.getPropertyValue(name);
    const inks: Inks = { ink: colour("--ink"), soft: colour("--soft"), line: colour("--line"), accent: colour("--accent") };
    const label = this.labelPx;
    if (this.selection) {
      c.fillStyle = colour("--accent-soft");
      const [a, b] = this.selection.map((t) => Math.max(label, Math.min(wide, this.x(t)))) as [number, number];
      c.fillRect(a, RULER_PX, b - a, high);
    }
    const [first, last] = [Math.max(0, this.row(this.from) - 1), Math.min(this.t.length - 1, this.row(this.to) + 1)];
    const at: Scale = { t: this.t, first, last, x: (t) => this.x(t), labelPx: label, wide };
    drawRuler(c, this.from, this.to, at, high, inks);
    drawMarks(c, this.marks, at, high);
    const now = this.row(this.time);
    this.lanes.forEach((lane, k) => drawLane(c, this.withShift(lane), RULER_PX + k * LANE_PX, at, inks, now, k === this.active));
    const x = this.x(this.time);
    if (x < label - 1) return;
    c.fillStyle = inks.accent;
    c.fillRect(x - 0.75, 0, 1.5, high);
    c.beginPath();
    c.moveTo(x - 6, 0);
    c.lineTo(x + 6, 0);
    c.lineTo(x, 9);
    c.fill();
  }
}
