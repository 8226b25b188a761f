// Curves over time: zoom, scrub, select a span. Draws only what is seen, at most one stroke a pixel.

import { h } from "./dom";

export interface Lane {
  name: string;
  colour: string;
  raw: (row: number) => number;
  edited: (row: number) => number;
  top: number;
}

export interface Mark {
  start: number;
  apex: number;
  end: number;
  label: string;
}

const LANE_PX = 58;
const RULER_PX = 24;
const LABEL_PX = 118;

export class Timeline {
  readonly element: HTMLElement;
  lanes: Lane[] = [];
  marks: Mark[] = [];
  time = 0;
  selection: [number, number] | null = null;
  onseek: ((t: number) => void) | null = null;
  onselect: (() => void) | null = null;

  private canvas = h("canvas", { tabindex: 0, role: "slider", "aria-label": "Time line" });
  private scroller: HTMLElement;
  private t: Float64Array = new Float64Array(0);
  private from = 0;
  private to = 1;
  private dragging: "seek" | "select" | null = null;
  private anchor = 0;
  private queued = false;
  private resizing: ResizeObserver;

  constructor() {
    this.scroller = h("div", { class: "timeline-scroll" }, this.canvas);
    this.element = h("div", { class: "timeline" }, this.scroller);
    this.canvas.addEventListener("pointerdown", (e) => this.down(e));
    this.canvas.addEventListener("pointermove", (e) => this.move(e));
    this.canvas.addEventListener("pointerup", () => this.up());
    this.canvas.addEventListener("pointercancel", () => this.up());
    this.canvas.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    this.canvas.addEventListener("keydown", (e) => this.key(e));
    this.resizing = new ResizeObserver(() => this.redraw());
    this.resizing.observe(this.scroller);
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
    this.time = Math.max(0, Math.min(this.last, time));
    if (follow && (this.time < this.from || this.time > this.to)) {
      const span = this.to - this.from;
      this.show(this.time - span * 0.1, this.time + span * 0.9);
    }
    this.canvas.setAttribute("aria-valuenow", this.time.toFixed(2));
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
    this.dragging = event.shiftKey || event.offsetY > RULER_PX ? "select" : "seek";
    if (this.dragging === "seek") this.onseek?.(this.anchor);
  }

  private move(event: PointerEvent): void {
    if (!this.dragging) return;
    const here = this.timeAt(event);
    if (this.dragging === "seek") return this.onseek?.(here);
    if (Math.abs(this.x(here) - this.x(this.anchor)) < 4) return;
    this.selection = [Math.min(here, this.anchor), Math.max(here, this.anchor)];
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
    this.redraw();
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
      Escape: () => {
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
    const [ink, soft, line, accent] = ["--ink", "--soft", "--line", "--accent"].map((n) => style.getPropertyValue(n)) as [string, string, string, string];
    const label = this.labelPx;
    if (this.selection) {
      c.fillStyle = style.getPropertyValue("--accent-soft");
      const [a, b] = this.selection.map((t) => Math.max(label, Math.min(wide, this.x(t)))) as [number, number];
      c.fillRect(a, RULER_PX, b - a, high);
    }
    this.drawRuler(c, wide, high, soft, line);
    for (const mark of this.marks) {
      c.fillStyle = "rgb(217 130 43 / 16%)";
      c.fillRect(this.x(mark.start), RULER_PX, Math.max(2, this.x(mark.end) - this.x(mark.start)), high);
      c.fillStyle = "#d9822b";
      c.fillRect(this.x(mark.apex) - 0.5, RULER_PX, 1, high);
    }
    this.lanes.forEach((lane, k) => this.drawLane(c, lane, RULER_PX + k * LANE_PX, wide, { ink, soft, line }));
    const x = this.x(this.time);
    if (x >= label - 1) {
      c.fillStyle = accent;
      c.fillRect(x - 0.75, 0, 1.5, high);
      c.beginPath();
      c.moveTo(x - 6, 0);
      c.lineTo(x + 6, 0);
      c.lineTo(x, 9);
      c.fill();
    }
  }

  private drawRuler(c: CanvasRenderingContext2D, wide: number, high: number, soft: string, line: string): void {
    const about = ((this.to - this.from) / (wide - this.labelPx)) * 80;
    const power = 10 ** Math.floor(Math.log10(about));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= about) ?? about;
    c.font = "11px system-ui, sans-serif";
    c.textBaseline = "middle";
    for (let t = Math.ceil(this.from / step) * step; t <= this.to; t += step) {
      const x = Math.round(this.x(t)) + 0.5;
      c.strokeStyle = line;
      c.beginPath();
      c.moveTo(x, 17);
      c.lineTo(x, high);
      c.stroke();
      c.fillStyle = soft;
      c.fillText(`${Number(t.toFixed(3))} s`, x + 4, 11);
    }
  }

  private drawLane(c: CanvasRenderingContext2D, lane: Lane, y: number, wide: number, colours: { ink: string; soft: string; line: string }): void {
    const label = this.labelPx;
    c.strokeStyle = colours.line;
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(0, y + 0.5);
    c.lineTo(wide, y + 0.5);
    c.stroke();
    c.font = "600 12px system-ui, sans-serif";
    c.fillStyle = colours.ink;
    c.textBaseline = "alphabetic";
    c.fillText(lane.name, 4, y + 22, label - 8);
    const value = lane.edited(this.row(this.time));
    c.font = "12px system-ui, sans-serif";
    c.fillStyle = colours.soft;
    c.fillText(Number.isNaN(value) ? "not measured" : value.toFixed(2), 4, y + 40, label - 8);
    c.save();
    c.beginPath();
    c.rect(label, y, wide - label, LANE_PX);
    c.clip();
    this.drawCurve(c, lane.raw, lane.top, y, colours.soft, 1, 0.55);
    this.drawCurve(c, lane.edited, lane.top, y, lane.colour, 1.8, 1);
    c.restore();
  }

  private drawCurve(c: CanvasRenderingContext2D, value: (row: number) => number, top: number, y: number, colour: string, px: number, alpha: number): void {
    const [first, last] = [Math.max(0, this.row(this.from) - 1), Math.min(this.t.length - 1, this.row(this.to) + 1)];
    const place = (v: number): number => y + LANE_PX - 5 - (v / top) * (LANE_PX - 11);
    c.strokeStyle = colour;
    c.globalAlpha = alpha;
    c.lineWidth = px;
    c.lineJoin = "round";
    c.beginPath();
    const rows = last - first + 1;
    const columns = this.canvas.clientWidth;
    const stride = Math.max(1, Math.floor(rows / (columns * 2)));
    let pen = false;
    for (let row = first; row <= last; row += stride) {
      let v = value(row);
      // Of many samples under one pixel the highest is shown: a blink must not vanish.
      for (let k = 1; k < stride && row + k <= last; k++) v = Math.max(v, value(row + k));
      if (Number.isNaN(v)) pen = false;
      else {
        const x = this.x(this.t[row]!);
        if (pen) c.lineTo(x, place(v));
        else c.moveTo(x, place(v));
        pen = true;
      }
    }
    c.stroke();
    c.globalAlpha = 1;
  }
}
