// Curves over time: zoom, scrub, select a span, draw a curve up or down. Draws only what is seen.

import { h, watchTheme } from "./dom";
import { LANE_PX, type Lane, type Mark, RULER_PX, valueAt, yOf } from "./lanes";
import { Pending } from "./pending";
import type { Shift } from "./shift";
import { TimeAxis } from "./time_axis";
import { drawTimeline } from "./timeline_picture";

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

  private canvas = h("canvas", { tabindex: 0, role: "slider", "aria-label": "Time line" });
  private scroller: HTMLElement;
  private axis = new TimeAxis(() => this.canvas.clientWidth);
  private pending = new Pending(
    () => this.axis.t,
    () => this.shiftsChanged(),
  );
  private dragging: "seek" | "select" | "shift" | null = null;
  private active = 0;
  private shown: Lane[] = [];
  private grabbed = { row: 0, value: 0, y: 0 };
  private anchor = 0;
  private queued = false;
  private resizing: ResizeObserver;
  private endTheme = watchTheme(() => this.redraw());

  constructor() {
    this.scroller = h("div", { class: "timeline-scroll" }, this.canvas);
    this.element = h("div", { class: "timeline" }, this.scroller);
    this.canvas.addEventListener("pointerdown", (e) => this.down(e));
    this.canvas.addEventListener("pointermove", (e) => this.move(e));
    this.canvas.addEventListener("pointerup", () => this.up());
    this.canvas.addEventListener("pointercancel", () => this.cancel());
    this.canvas.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    this.canvas.addEventListener("keydown", (e) => this.key(e));
    this.canvas.addEventListener("blur", () => this.pending.finish());
    this.resizing = new ResizeObserver(() => this.redraw());
    this.resizing.observe(this.scroller);
  }

  /** Is told of a curve that was drawn up or down; see `Pending.onshift`. */
  set onshift(make: (shift: Shift) => Promise<void>) {
    this.pending.onshift = make;
  }

  get lanes(): Lane[] {
    return this.shown;
  }

  set lanes(lanes: Lane[]) {
    this.shown = lanes;
    this.active = Math.min(this.active, Math.max(0, lanes.length - 1));
    this.speak();
  }

  setTimes(t: Float64Array): void {
    this.axis.setTimes(t);
    this.redraw();
  }

  /** Row of the sample at or before a time. */
  row(time: number): number {
    return this.axis.row(time);
  }

  seek(time: number, follow = true): void {
    const { from, to, last } = this.axis;
    if (this.dragging !== "shift") this.pending.finish();
    this.time = Math.max(0, Math.min(last, time));
    if (follow && (this.time < from || this.time > to)) {
      const span = to - from;
      this.axis.show(this.time - span * 0.1, this.time + span * 0.9);
    }
    this.canvas.setAttribute("aria-valuenow", this.time.toFixed(2));
    this.speak();
    this.redraw();
  }

  zoom(factor: number, about = this.time): void {
    this.axis.zoom(factor, about);
    this.redraw();
  }

  redraw(): void {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => {
      this.queued = false;
      this.draw();
    });
  }

  /** What is held up or down with the keyboard counts. */
  finish(): void {
    this.pending.finish();
  }

  close(): void {
    this.resizing.disconnect();
    this.endTheme();
  }

  private shiftsChanged(): void {
    this.speak();
    this.redraw();
  }

  private down(event: PointerEvent): void {
    this.canvas.setPointerCapture(event.pointerId);
    this.anchor = this.axis.timeAt(event.offsetX);
    const grabbed = event.shiftKey ? null : this.curveAt(event);
    this.dragging = grabbed !== null ? "shift" : event.shiftKey || event.offsetY > RULER_PX ? "select" : "seek";
    if (this.dragging === "seek") return this.onseek?.(this.anchor);
    this.pending.finish();
    if (grabbed === null) return;
    this.active = grabbed;
    const row = this.axis.nearest(this.anchor);
    this.grabbed = { row, value: this.pending.seen(this.lanes[grabbed]!).edited(row), y: event.offsetY };
    this.onseek?.(this.axis.t[row]!);
  }

  private move(event: PointerEvent): void {
    if (!this.dragging) {
      this.canvas.style.cursor = this.curveAt(event) === null ? "" : "ns-resize";
      return;
    }
    if (this.dragging === "shift") return this.drag(event);
    const here = this.axis.timeAt(event.offsetX);
    if (this.dragging === "seek") return this.onseek?.(here);
    if (Math.abs(this.axis.x(here) - this.axis.x(this.anchor)) < 4) return;
    this.selection = [Math.min(here, this.anchor), Math.max(here, this.anchor)];
    this.redraw();
  }

  private drag(event: PointerEvent): void {
    const lane = this.lanes[this.active];
    if (!lane || (!this.pending.holds && Math.abs(event.offsetY - this.grabbed.y) < 3)) return;
    const by = valueAt(event.offsetY, lane.top) - valueAt(this.grabbed.y, lane.top);
    this.pending.hold(lane, this.grabbed.row, this.grabbed.value + by, this.selection);
    this.shiftsChanged();
  }

  private up(): void {
    if (this.dragging === "select") {
      const wide = this.selection && this.axis.x(this.selection[1]) - this.axis.x(this.selection[0]) >= 4;
      const inside = this.selection && this.anchor >= this.selection[0] && this.anchor <= this.selection[1];
      if (!wide || !inside) {
        this.selection = null;
        this.onseek?.(this.anchor);
      }
      this.onselect?.();
    }
    this.dragging = null;
    this.pending.finish();
    this.redraw();
  }

  private cancel(): void {
    this.dragging = null;
    this.pending.cancel();
    this.shiftsChanged();
  }

  /** The lane whose curve lies under the pointer, or null. */
  private curveAt(event: { offsetX: number; offsetY: number }): number | null {
    const k = Math.floor((event.offsetY - RULER_PX) / LANE_PX);
    const lane = this.lanes[k];
    if (!lane || lane.fixed || event.offsetX < this.axis.labelPx || event.offsetY < RULER_PX) return null;
    const y = event.offsetY - RULER_PX - k * LANE_PX;
    const seen = this.pending.seen(lane);
    // A steep curve passes by within a few pixels to the left or right as well.
    for (const dx of [0, -4, 4]) {
      const value = seen.edited(this.axis.nearest(this.axis.timeAt(event.offsetX + dx)));
      if (!Number.isNaN(value) && Math.abs(yOf(value, lane.top) - y) <= GRAB_PX) return k;
    }
    return null;
  }

  /** The value at the time, up or down with the keyboard; Enter, or whatever else is done, makes it count. */
  private nudge(by: number): void {
    const lane = this.lanes[this.active];
    const row = this.row(this.time);
    if (!lane || lane.fixed || Number.isNaN(lane.edited(row))) return;
    this.pending.hold(lane, row, this.pending.seen(lane).edited(row) + by, this.selection);
    this.shiftsChanged();
  }

  private choose(by: number): void {
    this.pending.finish();
    this.active = Math.max(0, Math.min(this.lanes.length - 1, this.active + by));
    this.scroller.scrollTop = RULER_PX + this.active * LANE_PX - this.scroller.clientHeight / 2;
    this.speak();
    this.redraw();
  }

  /** For those who hear the page: the time, and the value of the chosen curve. */
  private speak(): void {
    const lane = this.lanes[this.active];
    const row = this.row(this.time);
    const value = lane ? this.pending.seen(lane).edited(row) : Number.NaN;
    const words = lane ? `, ${lane.name} ${Number.isNaN(value) ? "not measured" : value.toFixed(2)}` : "";
    this.canvas.setAttribute("aria-valuetext", `${this.time.toFixed(2)} s${words}`);
  }

  private wheel(event: WheelEvent): void {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey && Math.abs(event.deltaX) < Math.abs(event.deltaY)) {
      if (this.scroller.scrollHeight > this.scroller.clientHeight + 1) return;
    }
    event.preventDefault();
    const { from, to } = this.axis;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = ((event.deltaX || event.deltaY) / 800) * (to - from);
      this.axis.show(from + by, to + by);
      this.redraw();
    } else this.zoom(Math.exp(event.deltaY / 400), this.axis.timeAt(event.offsetX));
  }

  private key(event: KeyboardEvent): void {
    const { t, last } = this.axis;
    const row = this.row(this.time);
    const step = (n: number): number => t[Math.max(0, Math.min(t.length - 1, row + n))] ?? 0;
    const keys: Record<string, () => void> = {
      ArrowLeft: () => this.onseek?.(step(event.shiftKey ? -10 : -1)),
      ArrowRight: () => this.onseek?.(step(event.shiftKey ? 10 : 1)),
      Home: () => this.onseek?.(0),
      End: () => this.onseek?.(last),
      "+": () => this.zoom(0.7),
      "=": () => this.zoom(0.7),
      "-": () => this.zoom(1.4),
      ArrowUp: () => this.nudge(event.shiftKey ? FINE_STEP : STEP),
      ArrowDown: () => this.nudge(event.shiftKey ? -FINE_STEP : -STEP),
      PageUp: () => this.choose(-1),
      PageDown: () => this.choose(1),
      Enter: () => this.pending.finish(),
      Escape: () => {
        if (this.pending.holds) return this.cancel();
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
    const now = this.selection ?? [0, this.axis.last];
    now[end] = this.time;
    this.selection = [Math.min(...now), Math.max(...now)];
    this.onselect?.();
    this.redraw();
  }

  private draw(): void {
    const { axis, marks, selection, time, active } = this;
    drawTimeline(this.canvas, this.scroller.clientWidth, { axis, marks, selection, time, active, lanes: this.lanes.map((lane) => this.pending.seen(lane)) });
  }
}
