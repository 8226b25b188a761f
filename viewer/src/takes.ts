// What the server knows of takes: the list, curves, edits.

import { ask, words } from "./dom";
import type { EditList, FrameWhy, TakeDetail, TakeEntry } from "./messages";

export interface Curves {
  rows: number;
  t: Float64Array;
  raw: Float32Array;
  edited: Float32Array;
  confidence: Float32Array;
  units: Float32Array;
  turns: Float32Array;
  unitColumns: number;
}

const at = (what: string, name: string, more = ""): string =>
  `api/takes/${what}?name=${encodeURIComponent(name)}${more}`;

export const listTakes = (): Promise<TakeEntry[]> => ask("api/takes");
export const openTake = (name: string): Promise<TakeDetail> => ask(at("detail", name));
export const readEdits = (name: string): Promise<EditList> => ask(at("edits", name));
export const writeEdits = (name: string, edits: EditList): Promise<EditList> =>
  ask(at("edits", name), {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(edits),
  });
export const whyFrame = (name: string, track: number, index: number): Promise<FrameWhy> =>
  ask(at("why", name, `&track=${track}&index=${index}`));
export const videoAddress = (name: string): string => at("video", name);

/** Curves of a face; the layout stands in src/mien/studio/take_data.py. */
export async function readCurves(name: string, track: number): Promise<Curves> {
  const answer = await fetch(at("curves", name, `&track=${track}`));
  if (!answer.ok) throw new Error(await words(answer));
  const buffer = await answer.arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))) as {
    rows: number;
    arrays: [string, number, "f4" | "f8"][];
  };
  let place = 4 + length;
  const found: Record<string, Float32Array | Float64Array> = {};
  let unitColumns = 0;
  for (const [key, columns, kind] of head.arrays) {
    const count = head.rows * columns;
    found[key] = kind === "f8" ? new Float64Array(buffer, place, count) : new Float32Array(buffer, place, count);
    place += count * (kind === "f8" ? 8 : 4);
    if (key === "units") unitColumns = columns;
  }
  return {
    rows: head.rows,
    t: found["t_s"] as Float64Array,
    raw: found["raw"] as Float32Array,
    edited: found["edited"] as Float32Array,
    confidence: found["confidence"] as Float32Array,
    units: found["units"] as Float32Array,
    turns: found["turns"] as Float32Array,
    unitColumns,
  };
}

/** Export and hand the file to the browser's downloads. */
export async function exportTake(name: string, outputs: string[], track: number, edited: boolean): Promise<string> {
  const answer = await fetch(at("export", name), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ outputs, track_id: EVERYBODY.has(outputs[0]!) ? null : track, edited }),
  });
  if (!answer.ok) throw new Error(await words(answer));
  const disposition = answer.headers.get("content-disposition") ?? "";
  const file = /filename="?([^";]+)"?/.exec(disposition)?.[1] ?? "take";
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  Object.assign(link, { href: address, download: file });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  return file;
}

/** Formats that are about everybody in a take. */
const EVERYBODY = new Set(["csv", "report"]);
