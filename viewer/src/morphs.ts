// Morph targets played by the page's own code instead of the vertex shader. A shader walks through all targets of every
// vertex, which a processor that plays graphics card has no time for; here only what a target moves is touched.

import { BufferAttribute, BufferGeometry, DynamicDrawUsage, type InterleavedBufferAttribute, Mesh, type Object3D } from "three";

type Read = BufferAttribute | InterleavedBufferAttribute;

/** What one target moves: numbers of vertices, and x y z for each of them. */
interface Offsets {
  at: Uint32Array;
  by: Float32Array;
}

interface Moving {
  attribute: BufferAttribute;
  rest: Float32Array;
  targets: Offsets[];
}

interface Part {
  mesh: Mesh;
  moving: Moving[];
  /** The weights that the attributes show. */
  played: Float32Array;
}

export class Morphs {
  private parts: Part[] = [];

  /** Takes the morph targets of all meshes away from the shader; they are still played by `morphTargetInfluences`. */
  constructor(root: Object3D) {
    root.traverse((o) => {
      const part = o instanceof Mesh && o.morphTargetInfluences?.length ? taken(o) : null;
      if (part) this.parts.push(part);
    });
  }

  /** Put the vertices where the weights of the meshes say. */
  play(): void {
    for (const part of this.parts) {
      const weights = part.mesh.morphTargetInfluences!;
      if (part.played.every((w, k) => Math.abs(w - weights[k]!) < 1e-6)) continue;
      part.played.set(weights);
      for (const one of part.moving) put(one, part.played);
    }
  }
}

function put({ attribute, rest, targets }: Moving, weights: Float32Array): void {
  const values = attribute.array as Float32Array;
  values.set(rest);
  for (let k = 0; k < targets.length; k++) {
    const w = weights[k]!;
    if (w === 0) continue;
    const { at, by } = targets[k]!;
    for (let i = 0, j = 0; i < at.length; i++, j += 3) {
      const v = 3 * at[i]!;
      values[v]! += w * by[j]!;
      values[v + 1]! += w * by[j + 1]!;
      values[v + 2]! += w * by[j + 2]!;
    }
  }
  attribute.needsUpdate = true;
}

/** A mesh with a geometry of its own and without targets, or null where the shader must play them. */
function taken(mesh: Mesh): Part | null {
  const shared = mesh.geometry as BufferGeometry;
  if (!shared.morphTargetsRelative || shared.morphAttributes["color"]) return null;
  const own = new BufferGeometry();
  own.setIndex(shared.index);
  for (const [name, attribute] of Object.entries(shared.attributes)) own.setAttribute(name, attribute);
  for (const { start, count, materialIndex } of shared.groups) own.addGroup(start, count, materialIndex);
  const moving: Moving[] = [];
  for (const name of ["position", "normal"] as const) {
    const targets = shared.morphAttributes[name];
    const read = shared.getAttribute(name) as Read | undefined;
    if (!targets || !read) continue;
    const rest = numbers(read);
    const attribute = new BufferAttribute(rest.slice(), 3).setUsage(DynamicDrawUsage);
    own.setAttribute(name, attribute);
    moving.push({ attribute, rest, targets: targets.map(offsets) });
  }
  mesh.geometry = own;
  return { mesh, moving, played: new Float32Array(mesh.morphTargetInfluences!.length) };
}

function numbers(from: Read): Float32Array {
  const out = new Float32Array(3 * from.count);
  for (let i = 0; i < from.count; i++) out.set([from.getX(i), from.getY(i), from.getZ(i)], 3 * i);
  return out;
}

function offsets(target: Read): Offsets {
  const all = numbers(target);
  const at: number[] = [];
  for (let i = 0; i < target.count; i++) if (all[3 * i] || all[3 * i + 1] || all[3 * i + 2]) at.push(i);
  const by = new Float32Array(3 * at.length);
  at.forEach((v, k) => by.set(all.subarray(3 * v, 3 * v + 3), 3 * k));
  return { at: Uint32Array.from(at), by };
}
