// A loaded character: which morph targets, expressions and bones play the 52 shapes, head and eyes.

import { type BufferGeometry, type Material, Mesh, MeshLambertMaterial, MeshStandardMaterial, type Object3D, Quaternion } from "three";
import type { VRM } from "@pixiv/three-vrm";

import type { Avatar } from "./messages";
import { Morphs } from "./morphs";

/** Nearly the same look for a fraction of the work: no gloss. */
function matt(root: Object3D): void {
  root.traverse((o) => {
    if (!(o instanceof Mesh) || !(o.material instanceof MeshStandardMaterial)) return;
    const { color, vertexColors, map, side, transparent, opacity, alphaTest } = o.material;
    o.material = new MeshLambertMaterial({ color, vertexColors, map, side, transparent, opacity, alphaTest });
  });
}

interface Target {
  mesh: Mesh;
  at: number;
  gain: number;
}

/** A loaded character: weights and turns in, morph targets and bones out. */
export class Rig {
  readonly root: Object3D;
  private targets: Target[][];
  private expressions: { name: string; gain: number }[][];
  private head: Object3D | null = null;
  private eyes: (Object3D | null)[] = [null, null];
  private rest: Quaternion[] = [];
  private turned = false;
  private morphs: Morphs | null = null;

  constructor(
    root: Object3D,
    private vrm: VRM | null,
    shapes: string[],
    avatar: Avatar,
  ) {
    this.root = root;
    const meshes: Mesh[] = [];
    root.traverse((o) => {
      if (o instanceof Mesh && o.morphTargetDictionary) meshes.push(o);
      if (o instanceof Mesh) o.frustumCulled = false;
    });
    const known = new Map(avatar.expressions.map((e) => [e.toLowerCase(), e]));
    this.targets = shapes.map(() => []);
    this.expressions = shapes.map(() => []);
    shapes.forEach((shape, k) => {
      for (const [name, gain] of Object.entries(avatar.mapping[shape] ?? {})) {
        for (const mesh of meshes) {
          const at = mesh.morphTargetDictionary![name];
          if (at !== undefined) this.targets[k]!.push({ mesh, at, gain });
        }
        if (!this.targets[k]!.length && vrm?.expressionManager?.getExpression(name)) {
          this.expressions[k]!.push({ name, gain });
        }
      }
      const own = known.get(shape.toLowerCase());
      if (!this.targets[k]!.length && !this.expressions[k]!.length && own && vrm) {
        this.expressions[k]!.push({ name: own, gain: 1 });
      }
    });
    if (vrm) {
      this.turned = vrm.meta?.metaVersion === "0";
      this.head = vrm.humanoid.getNormalizedBoneNode("head");
      this.eyes = [vrm.humanoid.getNormalizedBoneNode("leftEye"), vrm.humanoid.getNormalizedBoneNode("rightEye")];
    } else {
      const find = (pattern: RegExp): Object3D | null => {
        let found: Object3D | null = null;
        root.traverse((o) => {
          if (!found && pattern.test(o.name)) found = o;
        });
        return found;
      };
      this.head = find(/^(head|.*[:_ ]head)$/i);
      this.eyes = [find(/^(eye_?left|left_?eye|.*eye[._ ]?l)$/i), find(/^(eye_?right|right_?eye|.*eye[._ ]?r)$/i)];
    }
    this.rest = [this.head, ...this.eyes].map((o) => o?.quaternion.clone() ?? new Quaternion());
  }

  /** For pictures that the processor draws. */
  spare(): void {
    if (!this.vrm) matt(this.root); // toon materials are simple already
    this.morphs = new Morphs(this.root);
  }

  get headObject(): Object3D | null {
    return this.vrm ? this.vrm.humanoid.getRawBoneNode("head") : this.head;
  }

  apply(weights: Float32Array, turns: Quaternion[], deltaS: number): void {
    for (const list of this.targets) for (const t of list) t.mesh.morphTargetInfluences![t.at] = 0;
    const sums = new Map<string, number>();
    weights.forEach((weight, k) => {
      const w = Number.isNaN(weight) ? 0 : weight;
      for (const t of this.targets[k] ?? []) t.mesh.morphTargetInfluences![t.at]! += w * t.gain;
      for (const e of this.expressions[k] ?? []) sums.set(e.name, (sums.get(e.name) ?? 0) + w * e.gain);
    });
    for (const [name, value] of sums) this.vrm?.expressionManager?.setValue(name, Math.min(1, Math.max(0, value)));
    [this.head, ...this.eyes].forEach((bone, k) => {
      if (!bone) return;
      const turn = turns[k]!;
      if (this.turned) bone.quaternion.set(-turn.x, turn.y, -turn.z, turn.w);
      else bone.quaternion.copy(turn);
      if (!this.vrm) bone.quaternion.multiply(this.rest[k]!);
    });
    this.vrm?.update(deltaS);
    this.morphs?.play();
  }

  dispose(): void {
    this.root.traverse((o) => {
      if (!(o instanceof Mesh)) return;
      (o.geometry as BufferGeometry).dispose();
      for (const m of [o.material as Material | Material[]].flat()) m.dispose();
    });
  }
}
