// What is done to a take, in words.

import type { EditList } from "./messages";

export type Operation = EditList["operations"][number];

/** An operation in words. */
export function sentence(o: Operation, firstNs: number): string {
  const s = (ns: number | null | undefined): string => (((ns ?? firstNs) - firstNs) / 1e9).toFixed(2);
  if (o.kind === "mirror") return "Mirror left and right";
  if (o.kind === "trim") return `Trim to ${s(o.start_ns)}–${s(o.end_ns)} s`;
  const n = o.shapes?.length ?? 0;
  const which = n === 0 ? "all shapes" : n <= 2 ? o.shapes!.join(", ") : `${n} shapes`;
  const where = o.start_ns == null && o.end_ns == null ? "" : ` ${s(o.start_ns)}–${o.end_ns == null ? "end" : s(o.end_ns)} s`;
  const what = {
    despike: () => `Despike up to ${(o as { longest_ms?: number }).longest_ms} ms`,
    fill: () => `Fill gaps up to ${(o as { longest_ms?: number }).longest_ms} ms`,
    smooth: () => `Smooth ${(o as { sigma_ms?: number }).sigma_ms} ms`,
    gain: () => gained(o as { gain?: number; offset?: number }),
    reduce: () => `Fewer keys ± ${(o as { tolerance?: number }).tolerance}`,
  }[o.kind]();
  return `${what}: ${which}${where}`;
}

function gained({ gain = 1, offset = 0 }: { gain?: number; offset?: number }): string {
  if (gain === 0) return `Set to ${offset}`;
  if (gain === 1 && offset !== 0) return `Move by ${offset > 0 ? "+" : "−"}${Math.abs(offset).toFixed(2)}`;
  return `Gain × ${gain}${offset ? ` ${offset > 0 ? "+" : "−"} ${Math.abs(offset)}` : ""}`;
}
