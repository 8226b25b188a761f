// A curve that is drawn up or down: the operation "gain" with an offset, as it will come back from the server.

/** Half the width of the span around a single sample, s. In its middle the edit counts whole, at its ends a third. */
export const AROUND_S = 0.04;
const EDGE_S = 0.06;

export interface Shift {
  lane: string;
  /** s; both ends belong to it. */
  start: number;
  end: number;
  offset: number;
}

/** How much of an edit counts at a time: it fades in and out at the ends of its span (src/mien/animate/edits.py). */
export function shareAt(time: number, start: number, end: number): number {
  const inside = Math.min(time - start, end - time);
  if (inside < -1e-9) return 0;
  return Math.min(1, (inside + EDGE_S / 3) / EDGE_S);
}

/** A value of the curve after the shift. */
export function shifted(value: number, time: number, shift: Shift): number {
  const share = shareAt(time, shift.start, shift.end);
  if (share === 0) return value;
  return value + share * (Math.min(1, Math.max(0, value + shift.offset)) - value);
}

/** The shift that brings the value at a time to `wanted`: of the selected span, or of that sample and its neighbours. */
export function shiftTo(lane: string, time: number, value: number, wanted: number, span: [number, number] | null): Shift {
  const within = span && time >= span[0] && time <= span[1] && span[1] - span[0] > 2 * AROUND_S;
  const [start, end] = within ? span : [time - AROUND_S, time + AROUND_S];
  const offset = (Math.min(1, Math.max(0, wanted)) - value) / shareAt(time, start, end);
  return { lane, start, end, offset: Math.min(1, Math.max(-1, offset)) };
}
