// Reads the binary message of a frame; the layout is written down in src/mien/studio/wire.py.

import {
  FACE_FLOATS,
  FRAME_HEAD_BYTES,
  FRAME_MAGIC,
  FRAME_VERSION,
  MOODS,
  POINTS,
  SIGNAL_FLOATS,
  UNITS,
} from "./messages";

const SHAPES = 52;

export interface Face {
  id: number;
  confidence: number;
  box: Float32Array;
  yawPitchRoll: Float32Array;
  axes: Float32Array;
  gaze: Float32Array;
  units: Float32Array;
  unitConfidence: Float32Array;
  points: Float32Array;
  pointConfidence: Float32Array;
  expressions: Float32Array;
  /** Valence and arousal. */
  affect: Float32Array;
}

export interface Signal {
  weights: Float32Array;
  head: Float32Array;
  leftEye: Float32Array;
  rightEye: Float32Array;
  place: Float32Array;
}

export interface Frame {
  capturedMs: number;
  packedMs: number;
  index: number;
  dropped: number;
  width: number;
  height: number;
  fps: number;
  seen: boolean;
  followed: number;
  signal: Signal;
  faces: Face[];
  /** Weights as read without the person's profile, where both were asked for. */
  plain: Float32Array | null;
  picture: Uint8Array | null;
}

/** The frame of a message, or null if it is none of a version that is known. */
export function readFrame(buffer: ArrayBuffer): Frame | null {
  if (buffer.byteLength < FRAME_HEAD_BYTES + 4 * SIGNAL_FLOATS) return null;
  const view = new DataView(buffer);
  if (view.getUint32(0, true) !== FRAME_MAGIC || view.getUint8(4) !== FRAME_VERSION) return null;
  const flags = view.getUint8(5);
  const count = view.getUint8(6);
  const pictureBytes = view.getUint32(36, true);
  const plainFloats = flags & 4 ? SHAPES : 0;
  const end = FRAME_HEAD_BYTES + 4 * (SIGNAL_FLOATS + count * FACE_FLOATS + plainFloats);
  if (buffer.byteLength < end + pictureBytes) return null;
  let at = FRAME_HEAD_BYTES;
  const floats = (n: number): Float32Array => {
    const part = new Float32Array(buffer, at, n);
    at += 4 * n;
    return part;
  };
  const signal = { weights: floats(SHAPES), head: floats(4), leftEye: floats(4), rightEye: floats(4), place: floats(3) };
  const faces: Face[] = [];
  for (let k = 0; k < count; k++) {
    const two = floats(2);
    faces.push({
      id: two[0]!,
      confidence: two[1]!,
      box: floats(4),
      yawPitchRoll: floats(3),
      axes: floats(8),
      gaze: floats(4),
      units: floats(UNITS),
      unitConfidence: floats(UNITS),
      points: floats(2 * POINTS),
      pointConfidence: floats(POINTS),
      expressions: floats(MOODS),
      affect: floats(2),
    });
  }
  const plain = plainFloats ? floats(plainFloats) : null;
  return {
    capturedMs: view.getFloat64(8, true),
    packedMs: view.getFloat64(16, true),
    index: view.getUint32(24, true),
    dropped: view.getUint32(28, true),
    width: view.getUint16(32, true),
    height: view.getUint16(34, true),
    fps: view.getFloat32(40, true),
    seen: (flags & 2) !== 0,
    followed: view.getInt32(44, true),
    signal,
    faces,
    plain,
    picture: flags & 1 ? new Uint8Array(buffer, end, pictureBytes) : null,
  };
}
