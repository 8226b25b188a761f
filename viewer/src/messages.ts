// Made from src/mien/studio/messages.py, rest_messages.py and perform_messages.py by `python -m mien.studio.typescript`: change those, not this one.

export const PROTOCOL = 1;
export const FRAME_MAGIC = 1313163597;
export const FRAME_VERSION = 3;
export const FRAME_HEAD_BYTES = 48;
export const SIGNAL_FLOATS = 67;
export const UNITS = 42;
export const POINTS = 98;
export const MOODS = 8;
export const FACE_FLOATS = 409;

/** A character and what it can do. */
export interface Avatar {
  name: string;
  kind: string;
  bytes: number;
  builtin: boolean;
  present: number;
  shapes: Shape[];
  unused: string[];
  expressions: string[];
  perfect_sync: number;
  mapping: Record<string, Record<string, number>>;
}

/** Watch a person and write a profile. */
export interface Calibrate {
  type: "calibrate";
  name: string;
  source?: string;
  preset?: string;
  guided?: boolean;
}

/** What came of a calibration. */
export interface Calibrated {
  type: "calibrated";
  name: string;
  frames: number;
  blink_before: number | null;
  blink_after: number | null;
  shapes: Reached[];
}

/** Something to choose from. */
export interface Choice {
  name: string;
  what: string;
}

/** Replace what jumps away and back within `longest_ms` by the line between its neighbours. */
export interface Despike {
  track_id?: number | null;
  shapes?: string[];
  start_ns?: number | null;
  end_ns?: number | null;
  kind: "despike";
  longest_ms?: number;
  threshold?: number;
}

/** The edits of a take: those behind `done` can be done again. */
export interface EditList {
  operations: (Despike | Fill | Smooth | Gain | Reduce | Mirror | Trim)[];
  done: number;
}

/** What to export. */
export interface ExportAsk {
  outputs: string[];
  track_id: number | null;
  edited: boolean;
}

/** Body of every answer that is no success. */
export interface Failure {
  detail: string;
}

/** Fill gaps of at most `longest_ms` with the line between their neighbours. */
export interface Fill {
  track_id?: number | null;
  shapes?: string[];
  start_ns?: number | null;
  end_ns?: number | null;
  kind: "fill";
  longest_ms?: number;
}

/** Why the character looks as it does in one frame. */
export interface FrameWhy {
  index: number;
  t_ns: number;
  found: boolean;
  shapes: ShapeWhy[];
  units: UnitWhy[];
  points: [number, number, number][];
  yaw_pitch_roll_deg: [number, number, number] | null;
}

/** Multiply, then add; what leaves 0–1 is cut off. */
export interface Gain {
  track_id?: number | null;
  shapes?: string[];
  start_ns?: number | null;
  end_ns?: number | null;
  kind: "gain";
  gain?: number;
  offset?: number;
}

/** What the person who is calibrated has to do now. */
export interface Guidance {
  type: "guidance";
  step: number;
  steps: number;
  name: string;
  words: string;
  seconds: number;
}

/** One step of the calibration's guide. */
export interface GuideStep {
  name: string;
  words: string;
  seconds: number;
}

/** First message of the server. */
export interface Hello {
  type: "hello";
  protocol: number;
  version: string;
  names: Names;
  presets: Choice[];
  outputs: Choice[];
  longest_picture: number;
}

/** Which morph targets play a shape. */
export interface Mapping {
  mapping: Record<string, Record<string, number>>;
}

/** An expression that was decided; times of the server's clock. */
export interface Mark {
  number: number;
  kind: "micro" | "macro";
  track_id: number;
  onset_ms: number;
  apex_ms: number;
  offset_ms: number;
  decided_ms: number;
  confidence: number;
  action_units: string[];
  emotion: string | null;
}

/** Expressions of the run; sent when it begins and when one was decided. */
export interface Marks {
  type: "marks";
  watched: boolean;
  began_ms: number | null;
  counts: Record<string, number>;
  newest: Mark[];
}

/** Swap left and right: shapes, head, eyes, landmarks. */
export interface Mirror {
  track_id?: number | null;
  kind: "mirror";
}

/** Expressions that can be asked for. */
export interface Moods {
  names: string[];
}

/** What the numbers of a frame mean, in their order. */
export interface Names {
  shapes: string[];
  units: string[];
  unit_titles: Record<string, string>;
  points: string[];
  point_groups: Record<string, number[]>;
  expressions: string[];
}

/** A performance without a camera, to become a take. */
export interface PerformAsk {
  words: string;
  name: string;
  over: string | null;
  seed: number;
  fps: number;
  seconds: number | null;
}

/** A take that was made. */
export interface Performed {
  name: string;
  frames: number;
  acts: PerformedAct[];
}

/** What the graph network made of one clause. */
export interface PerformedAct {
  kind: "macro" | "micro";
  expression: string | null;
  intensity: number;
  onset_s: number;
  apex_s: number;
  release_s: number;
  offset_s: number;
  units: Record<string, number>;
}

/** Answered at once; how a page learns the server's clock. */
export interface Ping {
  type: "ping";
  t_ms: number;
}

/** Answer to a `Ping`. */
export interface Pong {
  type: "pong";
  t_ms: number;
  server_ms: number;
}

/** On: no pixel of a source leaves the server. */
export interface Privacy {
  type: "privacy";
  on: boolean;
}

/** A message that could not be followed. */
export interface Problem {
  type: "problem";
  what: string;
}

/** A person's calibration. */
export interface Profile {
  name: string;
  facts: Record<string, unknown>;
}

/** One shape of a calibration: what it read at rest and at its largest; None = not measured. */
export interface Reached {
  shape: string;
  rest_before: number | null;
  reach_before: number | null;
  rest_after: number | null;
  reach_after: number | null;
}

/** A program that is sent to. */
export interface Receiver {
  to: string;
  sent: number;
  replaced: number;
  unsent: number;
  p50_ms: number | null;
  p95_ms: number | null;
  problem: string | null;
}

/** Keep the fewest keys from which the curve stays within `tolerance` (see `animate.curves`). */
export interface Reduce {
  track_id?: number | null;
  shapes?: string[];
  start_ns?: number | null;
  end_ns?: number | null;
  kind: "reduce";
  tolerance?: number;
}

/** What the server is doing; sent when it changes. */
export interface Session {
  type: "session";
  state: "idle" | "starting" | "running" | "calibrating" | "ended" | "failed";
  asked: Start | null;
  source: string;
  problem: string | null;
  privacy: boolean;
  wants_camera: boolean;
}

/** One ARKit shape in a character, see `mien.avatar.check.Match`. */
export interface Shape {
  shape: string;
  kind: "same" | "spelling" | "alias" | "halves" | "instead" | "missing";
  parts: Record<string, number>;
  dead: boolean;
}

/** A shape in one frame, and where it comes from; None = not measured. */
export interface ShapeWhy {
  shape: string;
  raw: number | null;
  edited: number | null;
  confidence: number;
  reason: string | null;
  part: string;
  part_confidence: number | null;
}

/** Average with a Gaussian of `sigma_ms`; no delay. */
export interface Smooth {
  track_id?: number | null;
  shapes?: string[];
  start_ns?: number | null;
  end_ns?: number | null;
  kind: "smooth";
  sigma_ms?: number;
}

/** Begin a live run; one that is under way ends. */
export interface Start {
  type: "start";
  source?: string;
  preset?: string;
  faces?: number;
  smooth?: boolean;
  lost?: "hold" | "fade";
  profile?: string | null;
  compare?: boolean;
  to?: string[];
}

/** How the run goes; once a second. */
export interface Status {
  type: "status";
  frames: number;
  fps: number;
  dropped: number;
  measure_ms: number;
  latency_ms: number;
  stages_ms: Record<string, number>;
  warnings: string[];
  receivers: Receiver[];
  pages: number;
}

/** End the run, or the calibration. */
export interface Stop {
  type: "stop";
}

/** A take that is opened. */
export interface TakeDetail {
  name: string;
  source: string;
  created_utc: string;
  state: string;
  frames: number;
  first_ns: number;
  last_ns: number;
  size_wh: [number, number] | null;
  pixels: boolean;
  tracks: Track[];
  events: TakeEvent[];
  video: boolean;
  video_picture: [number, number] | null;
  notes: string[];
}

/** A take in the studio's folder. */
export interface TakeEntry {
  name: string;
  source: string;
  created_utc: string;
  state: string;
  frames: number;
  edits: number;
  problem: string | null;
}

/** An event of a take. */
export interface TakeEvent {
  kind: string;
  track_id: number;
  onset_ns: number;
  apex_ns: number;
  offset_ns: number;
  confidence: number;
  action_units: string[];
  emotion: string | null;
}

/** A face of a take. */
export interface Track {
  track_id: number;
  frames: number;
}

/** Keep only what lies between two times; for everybody. */
export interface Trim {
  track_id?: number | null;
  kind: "trim";
  start_ns: number;
  end_ns: number;
}

/** An action unit in one frame. */
export interface UnitWhy {
  unit: string;
  value: number | null;
  confidence: number;
  reason: string | null;
  shapes: string[];
}

export type FromPage = Start | Stop | Privacy | Calibrate | Ping;

export type FromServer = Hello | Session | Status | Marks | Pong | Problem | Guidance | Calibrated;
