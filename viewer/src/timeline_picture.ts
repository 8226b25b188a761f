// The whole time line as it stands, drawn once.

import { type Inks, LANE_PX, type Lane, type Mark, RULER_PX, type Scale, drawCursor, drawLane, drawMarks, drawRuler } from "./lanes";
import type { TimeAxis } from "./time_axis";

export interface TimelineState {
  axis: TimeAxis;
  lanes: Lane[];
  marks: Mark[];
  selection: [number, number] | null;
  time: number;
  /** Number of the lane that the keyboard moves. */
  active: number;
}

/** @param wide px that there are for it. */
export function drawTimeline(canvas: HTMLCanvasElement, wide: number, { axis, lanes, marks, selection, time, active }: TimelineState): void {
  const ratio = Math.min(devicePixelRatio, 2);
  const high = RULER_PX + Math.max(1, lanes.length) * LANE_PX + 2;
  if (!wide) return;
  canvas.style.height = `${high}px`;
  if (canvas.width !== Math.round(wide * ratio)) canvas.width = Math.round(wide * ratio);
  if (canvas.height !== Math.round(high * ratio)) canvas.height = Math.round(high * ratio);
  const c = canvas.getContext("2d")!;
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, wide, high);
  const style = getComputedStyle(canvas);
  const colour = (name: string): string => style.getPropertyValue(name);
  const inks: Inks = { ink: colour("--ink"), soft: colour("--soft"), line: colour("--line"), accent: colour("--accent") };
  const label = axis.labelPx;
  if (selection) {
    c.fillStyle = colour("--accent-soft");
    const [a, b] = selection.map((s) => Math.max(label, Math.min(wide, axis.x(s)))) as [number, number];
    c.fillRect(a, RULER_PX, b - a, high);
  }
  const [first, last] = [Math.max(0, axis.row(axis.from) - 1), Math.min(axis.t.length - 1, axis.row(axis.to) + 1)];
  const at: Scale = { t: axis.t, first, last, x: (s) => axis.x(s), labelPx: label, wide };
  drawRuler(c, axis.from, axis.to, at, high, inks);
  drawMarks(c, marks, at, high);
  const now = axis.row(time);
  lanes.forEach((lane, k) => drawLane(c, lane, RULER_PX + k * LANE_PX, at, inks, now, k === active));
  drawCursor(c, axis.x(time), at, high, inks);
}
