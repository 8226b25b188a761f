// Lanes of the time line: what is drawn of a curve, and how.

export interface Lane {
  name: string;
  colour: string;
  raw: (row: number) => number;
  edited: (row: number) => number;
  /** Value at the upper edge. */
  top: number;
  /** Measurements, such as action units, are shown and not edited. */
  fixed?: boolean;
}

/** An event: a span in seconds with its strongest moment. */
export interface Mark {
  start: number;
  apex: number;
  end: number;
  label: string;
}

export const LANE_PX = 58;
export const RULER_PX = 24;

/** Where a row of samples lies: times in s, and seconds → px. */
export interface Scale {
  t: Float64Array;
  first: number;
  last: number;
  x: (time: number) => number;
  labelPx: number;
  wide: number;
}

/** px from the top of a lane. */
export function yOf(value: number, top: number): number {
  return LANE_PX - 5 - (value / top) * (LANE_PX - 11);
}

/** The value at px from the top of a lane. */
export function valueAt(y: number, top: number): number {
  return ((LANE_PX - 5 - y) / (LANE_PX - 11)) * top;
}

export interface Inks {
  ink: string;
  soft: string;
  line: string;
  accent: string;
}

/** Name and value at the left, then the raw curve thin and the edited one thick. */
export function drawLane(c: CanvasRenderingContext2D, lane: Lane, y: number, at: Scale, inks: Inks, now: number, active: boolean): void {
  c.strokeStyle = inks.line;
  c.lineWidth = 1;
  c.beginPath();
  c.moveTo(0, y + 0.5);
  c.lineTo(at.wide, y + 0.5);
  c.stroke();
  if (active) {
    c.fillStyle = inks.accent;
    c.fillRect(0, y + 1, 3, LANE_PX - 1);
  }
  c.font = "600 12px system-ui, sans-serif";
  c.fillStyle = inks.ink;
  c.textBaseline = "alphabetic";
  c.fillText(lane.name, 7, y + 22, at.labelPx - 11);
  const value = lane.edited(now);
  c.font = "12px system-ui, sans-serif";
  c.fillStyle = inks.soft;
  c.fillText(Number.isNaN(value) ? "not measured" : value.toFixed(2), 7, y + 40, at.labelPx - 11);
  c.save();
  c.beginPath();
  c.rect(at.labelPx, y, at.wide - at.labelPx, LANE_PX);
  c.clip();
  if (!lane.fixed) drawCurve(c, lane.raw, lane.top, y, at, inks.soft, 1, 0.55);
  drawCurve(c, lane.edited, lane.top, y, at, lane.colour, 1.8, 1);
  if (!Number.isNaN(value) && !lane.fixed) {
    c.fillStyle = lane.colour;
    c.beginPath();
    c.arc(at.x(at.t[now] ?? 0), y + yOf(value, lane.top), active ? 4.5 : 3, 0, 7);
    c.fill();
  }
  c.restore();
}

function drawCurve(c: CanvasRenderingContext2D, value: (row: number) => number, top: number, y: number, at: Scale, colour: string, px: number, alpha: number): void {
  c.strokeStyle = colour;
  c.globalAlpha = alpha;
  c.lineWidth = px;
  c.lineJoin = "round";
  c.beginPath();
  const stride = Math.max(1, Math.floor((at.last - at.first + 1) / (at.wide * 2)));
  let pen = false;
  for (let row = at.first; row <= at.last; row += stride) {
    let v = value(row);
    // Of many samples under one pixel the highest is shown: a blink must not vanish.
    for (let k = 1; k < stride && row + k <= at.last; k++) v = Math.max(v, value(row + k));
    if (Number.isNaN(v)) pen = false;
    else {
      const x = at.x(at.t[row]!);
      if (pen) c.lineTo(x, y + yOf(v, top));
      else c.moveTo(x, y + yOf(v, top));
      pen = true;
    }
  }
  c.stroke();
  c.globalAlpha = 1;
}

/** Seconds above, and lines down through the lanes. */
export function drawRuler(c: CanvasRenderingContext2D, from: number, to: number, at: Scale, high: number, inks: Inks): void {
  const about = ((to - from) / (at.wide - at.labelPx)) * 80;
  const power = 10 ** Math.floor(Math.log10(about));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= about) ?? about;
  c.font = "11px system-ui, sans-serif";
  c.textBaseline = "middle";
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
    const x = Math.round(at.x(t)) + 0.5;
    c.strokeStyle = inks.line;
    c.beginPath();
    c.moveTo(x, 17);
    c.lineTo(x, high);
    c.stroke();
    c.fillStyle = inks.soft;
    c.fillText(`${Number(t.toFixed(3))} s`, x + 4, 11);
  }
}

/** Spans of events behind the lanes, a line at the apex. */
export function drawMarks(c: CanvasRenderingContext2D, marks: Mark[], at: Scale, high: number): void {
  for (const mark of marks) {
    const [a, b] = [Math.max(at.labelPx, at.x(mark.start)), at.x(mark.end)];
    if (b < at.labelPx) continue;
    c.fillStyle = "rgb(217 130 43 / 16%)";
    c.fillRect(a, RULER_PX, Math.max(2, b - a), high);
    if (at.x(mark.apex) < at.labelPx) continue;
    c.fillStyle = "#d9822b";
    c.fillRect(at.x(mark.apex) - 0.5, RULER_PX, 1, high);
  }
}

/** The moment that is shown: a line with a head in the ruler. */
export function drawCursor(c: CanvasRenderingContext2D, x: number, at: Scale, high: number, inks: Inks): void {
  if (x < at.labelPx - 1) return;
  c.fillStyle = inks.accent;
  c.fillRect(x - 0.75, 0, 1.5, high);
  c.beginPath();
  c.moveTo(x - 6, 0);
  c.lineTo(x + 6, 0);
  c.lineTo(x, 9);
  c.fill();
}
