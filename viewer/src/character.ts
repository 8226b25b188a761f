// A character in three.js: the built-in one, any GLB with morph targets, or a VRM of version 0 or 1.

import {
  Box3,
  type BufferGeometry,

  DirectionalLight,

  HemisphereLight,
  type Material,
  Mesh,
  MeshLambertMaterial,
  MeshStandardMaterial,
  type Object3D,
  PerspectiveCamera,
  Quaternion,
  Scene,
  Vector3,
  WebGLRenderer,
} from "three";
import { GLTFLoader } from "three/examples/jsm/loaders/GLTFLoader.js";
import type { VRM } from "@pixiv/three-vrm";

import type { Avatar } from "./messages";
import type { Signal } from "./wire";

const SOFTEN_MS = 18;
/** Slower than this, the picture is made of fewer pixels. */
const SLOW_MS = 34;
const LEAST_RATIO = 0.5;

/** Whether pictures are drawn by the processor: then what costs much and shows little is left out. */
function drawnBySoftware(): boolean {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (!gl) return false;
  const known = gl.getExtension("WEBGL_debug_renderer_info");
  const name = known ? String(gl.getParameter(known.UNMASKED_RENDERER_WEBGL)) : "";
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return /llvmpipe|swiftshader|softpipe|software|basic render/i.test(name);
}

/** Nearly the same look for a fraction of the work: no gloss, and shapes do not turn the light's normals. */
function simplified(root: Object3D): void {
  root.traverse((o) => {
    if (!(o instanceof Mesh) || !(o.material instanceof MeshStandardMaterial)) return;
    delete (o.geometry as BufferGeometry).morphAttributes["normal"];
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
class Rig {
  readonly root: Object3D;
  private targets: Target[][];
  private expressions: { name: string; gain: number }[][];
  private head: Object3D | null = null;
  private eyes: (Object3D | null)[] = [null, null];
  private rest: Quaternion[] = [];
  private turned = false;

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
  }

  dispose(): void {
    this.root.traverse((o) => {
      if (!(o instanceof Mesh)) return;
      (o.geometry as BufferGeometry).dispose();
      for (const m of [o.material as Material | Material[]].flat()) m.dispose();
    });
  }
}

/** A canvas that shows a character; draws itself at the screen's rate while it is on the page. */
export class CharacterView {
  readonly canvas: HTMLCanvasElement;
  /** Pictures drawn per second over the last second. */
  rate = 0;
  /** Called after a picture is drawn. */
  ondrawn: (() => void) | null = null;

  private renderer: WebGLRenderer;
  private scene = new Scene();
  private camera = new PerspectiveCamera(24, 1, 0.01, 20);
  private rig: Rig | null = null;
  private wanted = new Float32Array(52);
  private shown = new Float32Array(52);
  private wantedTurns = [new Quaternion(), new Quaternion(), new Quaternion()];
  private turns = [new Quaternion(), new Quaternion(), new Quaternion()];
  private last = performance.now();
  private drawn: number[] = [];
  private alive = true;
  private loading = 0;
  private resizing: ResizeObserver;
  private software = drawnBySoftware();
  private ratio = this.software ? 1 : Math.min(devicePixelRatio, 2);
  private changed = true;
  private slow = 0;

  constructor(readonly box: HTMLElement) {
    this.renderer = new WebGLRenderer({ antialias: !this.software, alpha: true, powerPreference: "high-performance" });
    this.canvas = this.renderer.domElement;
    this.canvas.className = "character";
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "The character");
    box.append(this.canvas);
    const key = new DirectionalLight(0xfff4e8, 2.1);
    key.position.set(0.6, 0.9, 1.2);
    this.scene.add(key, new HemisphereLight(0xffffff, 0x8d8078, 1.5));
    if (!this.software) {
      const rim = new DirectionalLight(0xbfd9ff, 0.9);
      rim.position.set(-1, 0.4, -0.6);
      this.scene.add(rim);
    }
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(box);
    this.resize();
    requestAnimationFrame(() => this.tick());
  }

  /** Load a character; what was shown before stays until the new one is there. */
  async load(avatar: Avatar, shapes: string[]): Promise<void> {
    const turn = ++this.loading;
    const loader = new GLTFLoader();
    if (avatar.kind !== "glTF") {
      const { VRMLoaderPlugin } = await import("@pixiv/three-vrm");
      loader.register((parser) => new VRMLoaderPlugin(parser));
    }
    const gltf = await loader.loadAsync(`api/avatars/${encodeURIComponent(avatar.name)}/file`);
    const vrm = (gltf.userData["vrm"] as VRM | undefined) ?? null;
    if (vrm) {
      const { VRMUtils } = await import("@pixiv/three-vrm");
      VRMUtils.rotateVRM0(vrm);
    }
    const rig = new Rig(vrm?.scene ?? gltf.scene, vrm, shapes, avatar);
    if (turn !== this.loading || !this.alive) return rig.dispose();
    if (this.rig) {
      this.scene.remove(this.rig.root);
      this.rig.dispose();
    }
    if (this.software && !vrm) simplified(rig.root);
    this.rig = rig;
    this.changed = true;
    this.scene.add(rig.root);
    this.look(rig);
  }

  /** What the character shall do next; NaN = as before. */
  play(signal: Signal): void {
    this.changed = true;
    signal.weights.forEach((w, k) => {
      if (!Number.isNaN(w)) this.wanted[k] = w;
    });
    [signal.head, signal.leftEye, signal.rightEye].forEach((q, k) => {
      if (!Number.isNaN(q[0]!)) this.wantedTurns[k]!.set(q[0]!, q[1]!, q[2]!, q[3]!);
    });
  }

  /** Back to a resting face. */
  relax(): void {
    this.wanted.fill(0);
    for (const q of this.wantedTurns) q.identity();
  }

  setWeight(at: number, weight: number): void {
    this.wanted[at] = weight;
  }

  close(): void {
    this.alive = false;
    this.resizing.disconnect();
    this.rig?.dispose();
    this.renderer.dispose();
    this.canvas.remove();
  }

  private look(rig: Rig): void {
    rig.root.updateMatrixWorld(true);
    const box = new Box3().setFromObject(rig.root);
    const size = box.getSize(new Vector3());
    const centre = box.getCenter(new Vector3());
    const head = rig.headObject;
    // A whole body is looked at in the face, a bust as a whole.
    if (head && size.y > 0.8) {
      head.getWorldPosition(centre);
      centre.y += 0.07;
      size.set(0.34, 0.36, 0.3);
    }
    const tall = Math.max(size.y, size.x * 0.9) * 0.98;
    const distance = tall / 2 / Math.tan((this.camera.fov * Math.PI) / 360) + size.z / 2;
    this.camera.near = distance / 50;
    this.camera.far = distance * 20;
    this.camera.position.set(centre.x, centre.y + tall * 0.02, centre.z + distance);
    this.camera.lookAt(centre);
    this.camera.updateProjectionMatrix();
  }

  private resize(): void {
    const { clientWidth: w, clientHeight: h } = this.box;
    if (!w || !h) return;
    this.renderer.setPixelRatio(this.ratio);
    this.changed = true;
    this.renderer.setSize(w, h, false);
    this.camera.aspect = w / h;
    this.camera.updateProjectionMatrix();
  }

  /** Where drawing is too slow again and again, draw fewer pixels. */
  private adapt(deltaMs: number): void {
    this.slow = Math.max(0, this.slow + (deltaMs > SLOW_MS ? 1 : -1));
    if (this.slow < 20 || this.ratio <= LEAST_RATIO) return;
    this.slow = 0;
    this.ratio = Math.max(LEAST_RATIO, this.ratio * 0.8);
    this.resize();
  }

  private tick(): void {
    if (!this.alive) return;
    requestAnimationFrame(() => this.tick());
    if (!this.canvas.isConnected) return;
    const now = performance.now();
    const delta = Math.min(100, now - this.last);
    this.last = now;
    const share = 1 - Math.exp(-delta / SOFTEN_MS);
    let moved = this.changed;
    for (let k = 0; k < 52; k++) {
      const step = (this.wanted[k]! - this.shown[k]!) * share;
      moved ||= Math.abs(step) > 1e-4;
      this.shown[k]! += step;
    }
    this.turns.forEach((q, k) => {
      moved ||= 1 - Math.abs(q.dot(this.wantedTurns[k]!)) > 1e-7;
      q.slerp(this.wantedTurns[k]!, share);
    });
    if (!moved) return;
    this.changed = false;
    this.adapt(delta);
    this.rig?.apply(this.shown, this.turns, delta / 1000);
    this.renderer.render(this.scene, this.camera);
    this.drawn.push(now);
    while (this.drawn[0]! < now - 1000) this.drawn.shift();
    this.rate = this.drawn.length;
    this.ondrawn?.();
  }
}

