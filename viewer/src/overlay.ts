// Draws a frame: the picture, and over it boxes, 98 points coloured by confidence, head axes, gaze and ids.

import type { Names } from "./messages";
import type { Face, Frame } from "./wire";

const LINES: [string, boolean][] = [
  ["contour", false],
  ["right_brow", true],
  ["left_brow", true],
  ["nose_bridge", false],
  ["nose_base", false],
  ["right_eye", true],
  ["left_eye", true],
  ["outer_lip", true],
  ["inner_lip", true],
];
/** The pane's own colour (style.css). */
const GROUND = "#0b0e13";
const AXES = ["#ff5c5c", "#68de70", "#5c96ff"];
const PEOPLE = ["#5ec8ff", "#ffb04a", "#a8de6e", "#e888e6", "#ff7a70"];
const RAMP = Array.from({ length: 21 }, (_, k) => rampColour(k / 20));

function rampColour(at: number): string {
  const stops = [
    [255, 84, 84],
    [255, 190, 70],
    [120, 240, 170],
  ];
  const k = at < 0.5 ? 0 : 1;
  const f = at < 0.5 ? at * 2 : at * 2 - 1;
  const mixed = stops[k]!.map((a, i) => Math.round(a + (stops[k + 1]![i]! - a) * f));
  return `rgb(${mixed.join(" ")})`;
}

export interface OverlayChoice {
  points: boolean;
  box: boolean;
  axes: boolean;
  mirror: boolean;
}

export function personColour(id: number): string {
  return id < 0 ? "#ecf0f6" : PEOPLE[id % PEOPLE.length]!;
}

/** An empty pane; a canvas that nothing shines through is composed more cheaply. */
export function blank(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const c = canvas.getContext("2d", { alpha: false })!;
  c.setTransform(1, 0, 0, 1, 0, 0);
  c.fillStyle = GROUND;
  c.fillRect(0, 0, canvas.width, canvas.height);
  return c;
}

/** Draw into a canvas that fills its box; the picture may be missing (privacy). */
export function drawFrame(
  canvas: HTMLCanvasElement,
  frame: Frame,
  picture: ImageBitmap | null,
  names: Names,
  choice: OverlayChoice,
): void {
  const ratio = Math.min(devicePixelRatio, 2);
  const [wide, high] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (!wide || !high) return;
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const c = blank(canvas);
  const scale = Math.min(wide / frame.width, high / frame.height);
  const [x0, y0] = [(wide - frame.width * scale) / 2, (high - frame.height * scale) / 2];
  const mirror = choice.mirror ? -1 : 1;
  c.setTransform(scale * mirror, 0, 0, scale, choice.mirror ? wide - x0 : x0, y0);
  if (picture) c.drawImage(picture, 0, 0, frame.width, frame.height);
  else {
    c.fillStyle = "#10151c";
    c.fillRect(0, 0, frame.width, frame.height);
  }
  // Pixel centres of the measures are at whole numbers.
  c.translate(0.5, 0.5);
  const px = ratio / scale;
  for (const face of frame.faces) {
    if (choice.box) drawBox(c, face, px, choice.mirror, frame.width);
    if (choice.points) drawPoints(c, face, names, px);
    if (choice.axes) drawAxes(c, face, px);
  }
}

function drawPoints(c: CanvasRenderingContext2D, face: Face, names: Names, px: number): void {
  const p = face.points;
  c.lineWidth = px;
  c.strokeStyle = "rgb(206 220 236 / 70%)";
  c.beginPath();
  for (const [group, closed] of LINES) {
    const index = names.point_groups[group] ?? [];
    index.forEach((i, k) => (k ? c.lineTo(p[2 * i]!, p[2 * i + 1]!) : c.moveTo(p[2 * i]!, p[2 * i + 1]!)));
    if (closed) c.closePath();
  }
  c.stroke();
  let extent = 0;
  for (let i = 0; i < 33; i++) extent = Math.max(extent, Math.hypot(p[2 * i]! - p[0]!, p[2 * i + 1]! - p[1]!));
  const radius = Math.min(3 * px, Math.max(1.5 * px, extent / 140));
  // All points of a colour at once: each fill is a call to what draws, and a processor that draws minds.
  const discs = new Map<string, Path2D>();
  for (let i = 0; i < p.length / 2; i++) {
    const [x, y] = [p[2 * i]!, p[2 * i + 1]!];
    if (Number.isNaN(x)) continue;
    const colour = RAMP[Math.round(20 * Math.min(1, Math.max(0, face.pointConfidence[i]!)))]!;
    const disc = discs.get(colour) ?? new Path2D();
    discs.set(colour, disc);
    disc.moveTo(x + radius, y);
    disc.arc(x, y, radius, 0, 7);
  }
  for (const [colour, disc] of discs) {
    c.fillStyle = colour;
    c.fill(disc);
  }
}

/** Only the corners: the face stays free. */
function drawBox(c: CanvasRenderingContext2D, face: Face, px: number, mirrored: boolean, width: number): void {
  const [l, t, r, b] = face.box as unknown as [number, number, number, number];
  const arm = 0.16 * Math.min(r - l, b - t);
  const colour = personColour(face.id);
  c.strokeStyle = colour;
  c.lineWidth = 2 * px;
  c.beginPath();
  for (const [x, y, dx, dy] of [
    [l, t, arm, arm],
    [r, t, -arm, arm],
    [r, b, -arm, -arm],
    [l, b, arm, -arm],
  ] as const) {
    c.moveTo(x + dx, y);
    c.lineTo(x, y);
    c.lineTo(x, y + dy);
  }
  c.stroke();
  c.save();
  c.font = `600 ${12 * px}px system-ui, sans-serif`;
  const text = `${face.id < 0 ? "face" : `id ${face.id}`} · ${Math.round(100 * face.confidence)} %`;
  const wide = c.measureText(text).width + 10 * px;
  const y = t > 24 * px ? t - 24 * px : t + 6 * px;
  let x = l;
  if (mirrored) {
    c.translate(width - 1, 0);
    c.scale(-1, 1);
    x = width - 1 - r;
  }
  c.fillStyle = "rgb(16 19 26 / 72%)";
  c.beginPath();
  c.roundRect(x, y, wide, 18 * px, 5 * px);
  c.fill();
  c.fillStyle = colour;
  c.fillText(text, x + 5 * px, y + 13 * px);
  c.restore();
}

function drawAxes(c: CanvasRenderingContext2D, face: Face, px: number): void {
  const a = face.axes;
  if (Number.isNaN(a[0]!)) return;
  c.lineWidth = 2.5 * px;
  c.lineCap = "round";
  for (let k = 0; k < 3; k++) {
    c.strokeStyle = AXES[k]!;
    c.beginPath();
    c.moveTo(a[0]!, a[1]!);
    c.lineTo(a[2 + 2 * k]!, a[3 + 2 * k]!);
    c.stroke();
  }
}
