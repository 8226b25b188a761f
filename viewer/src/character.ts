// A character in three.js: the built-in one, any GLB with morph targets, or a VRM of version 0 or 1.

import { Box3, Color, DirectionalLight, HemisphereLight, PerspectiveCamera, Quaternion, Scene, Vector3, WebGLRenderer } from "three";
import { GLTFLoader } from "three/examples/jsm/loaders/GLTFLoader.js";
import type { VRM } from "@pixiv/three-vrm";

import { watchTheme } from "./dom";
import { clock } from "./drawing";
import type { Avatar } from "./messages";
import { Rig } from "./rig";
import type { Signal } from "./wire";

const SOFTEN_MS = 18;
const LEAST_RATIO = 0.5;

/** A canvas that shows a character; draws itself at the clock's rate while it is on the page and the character moves. */
export class CharacterView {
  readonly canvas: HTMLCanvasElement;
  /** Pictures drawn per second over the last second. */
  rate = 0;
  /** Pictures drawn in all. */
  count = 0;
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
  private spares = clock().spares;
  private level = 0;
  private changed = true;
  /** Whether the pane's colour is known: it is none before the pane is on the page. */
  private grounded = false;
  private end: () => void;

  constructor(readonly box: HTMLElement) {
    const full = !this.spares;
    this.renderer = new WebGLRenderer({ antialias: full, alpha: full, powerPreference: "high-performance" });
    this.canvas = this.renderer.domElement;
    this.canvas.className = "character";
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "The character");
    box.append(this.canvas);
    // The key light stands low and the ground is bright and warm: with light from high above, whatever looks down a
    // little, such as the lower half of puffed cheeks, lies beyond the edge of the light and looks like a beard.
    const key = new DirectionalLight(0xfff4e8, 1.9);
    key.position.set(0.55, 0.5, 1.2);
    this.scene.add(key, new HemisphereLight(0xffffff, 0xc9a593, 1.5));
    if (!this.spares) {
      const rim = new DirectionalLight(0xbfd9ff, 0.9);
      rim.position.set(-1, 0.4, -0.6);
      this.scene.add(rim);
    }
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(box);
    this.resize();
    const end = clock().each((now) => this.tick(now));
    const endGround = this.spares ? watchTheme(() => this.showGround()) : end;
    this.end = () => (end(), endGround());
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
    this.rig = rig;
    this.changed = true;
    this.scene.add(rig.root);
    this.look(rig);
    if (this.spares) rig.spare();
  }

  /** What the character shall do next; NaN = as before. */
  play(signal: Signal): void {
    this.changed = true;
    clock().hurry();
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
    this.end();
    this.resizing.disconnect();
    this.rig?.dispose();
    this.renderer.dispose();
    this.canvas.remove();
  }

  /** A picture with its own ground is composed without reading what lies below. */
  private showGround(): void {
    this.grounded = this.canvas.isConnected;
    if (!this.grounded) return;
    this.renderer.setClearColor(new Color(getComputedStyle(this.box).backgroundColor));
    this.changed = true;
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
    this.level = clock().quality.level;
    const full = this.spares ? 1 : Math.min(devicePixelRatio, 2);
    this.renderer.setPixelRatio(Math.max(LEAST_RATIO, full * clock().fineness));
    this.changed = true;
    this.renderer.setSize(w, h, false);
    this.camera.aspect = w / h;
    this.camera.updateProjectionMatrix();
  }

  private tick(now: number): void {
    if (!this.canvas.isConnected) return;
    if (this.spares && !this.grounded) this.showGround();
    const delta = Math.max(0, Math.min(100, now - this.last)); // a picture's time can lie before the page was made
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
    if (this.level !== clock().quality.level) this.resize();
    this.changed = false;
    this.rig?.apply(this.shown, this.turns, delta / 1000);
    this.renderer.render(this.scene, this.camera);
    this.count += 1;
    this.drawn.push(now);
    while (this.drawn[0]! < now - 1000) this.drawn.shift();
    this.rate = this.drawn.length;
    this.ondrawn?.();
  }
}
