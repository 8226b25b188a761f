// What draws the pictures of this browser, and the one clock that everything which moves is drawn by. Where the
// processor draws, it also measures: then pictures come 30 times a second and all together, since every single one
// costs a composition of the whole page, and what costs much and shows little is left out.

import { Pace, Quality } from "./pace";

/** A picture every so many ms where the processor draws: some more than 30 a second, since a few come late. */
const SPARE_MS = 31;
/** Numbers and bars: every change of the page's text is drawn anew by the processor, and costs as much as three pictures. */
const NUMBERS_MS = 200;
const CAMERA_MS = 100;
/** Levels of quality: of the processor's pictures, and of a graphics card's on a screen of small pixels. */
const LOWEST_SPARE = 4;
const LOWEST = 6;

export interface Renderer {
  name: string;
  /** Whether the processor draws. */
  software: boolean;
}

type Draw = (nowMs: number) => void;

let known: Renderer | null = null;

/** Who draws, as WebGL says; asked once. */
export function renderer(): Renderer {
  known ??= asked();
  return known;
}

function asked(): Renderer {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (!gl) return { name: "no WebGL", software: false };
  const extension = gl.getExtension("WEBGL_debug_renderer_info");
  const name = extension ? String(gl.getParameter(extension.UNMASKED_RENDERER_WEBGL)) : "";
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return { name, software: /llvmpipe|swiftshader|softpipe|software|basic render/i.test(name) };
}

/** How often the numbers of a page change. */
export class NumbersPace extends Pace {
  constructor() {
    super(clock().numbersMs);
  }

  override takes(nowMs: number): boolean {
    this.everyMs = clock().numbersMs;
    return super.takes(nowMs);
  }
}

/** Calls everybody at the screen's rate, or as often as the processor can draw. */
class Clock {
  readonly quality: Quality;
  /** Of pictures of the camera. */
  readonly camera: Pace;
  readonly spares: boolean;
  private everybody = new Set<Draw>();
  private pace: Pace;
  private last = Number.NaN;
  private running = false;
  private news = false;

  constructor() {
    this.spares = renderer().software;
    const everyMs = this.spares ? SPARE_MS : 0;
    this.pace = new Pace(everyMs);
    this.camera = new Pace(this.spares ? CAMERA_MS : 0);
    this.quality = new Quality(everyMs, this.spares ? LOWEST_SPARE : LOWEST);
    if (this.spares) document.documentElement.dataset["drawn"] = "spare";
  }

  /** Be called whenever it is time to draw. Returns how to end it. */
  each(draw: Draw): () => void {
    this.everybody.add(draw);
    if (!this.running) {
      this.running = true;
      this.last = Number.NaN;
      requestAnimationFrame((now) => this.tick(now));
    }
    return () => this.everybody.delete(draw);
  }

  /** Share of the pixels a side that are drawn: where the processor draws, rarer pictures of the camera and numbers help more. */
  get fineness(): number {
    return 0.8 ** Math.max(0, this.quality.level - (this.spares ? 1 : 0));
  }

  /** Between two changes of the numbers. */
  get numbersMs(): number {
    return this.spares ? NUMBERS_MS * this.rarer : 0;
  }

  /** Where pictures come too slowly, what surrounds the character comes more rarely. */
  private get rarer(): number {
    return 1 + this.quality.level / 2;
  }

  /** There is something new to show: it need not wait for its turn if that is near. */
  hurry(): void {
    this.news = true;
  }

  private tick(now: number): void {
    this.running = this.everybody.size > 0;
    if (!this.running) return;
    requestAnimationFrame((next) => this.tick(next));
    if (!this.pace.takes(now, this.news)) return;
    this.news = false;
    if (!Number.isNaN(this.last) && this.quality.came(now, now - this.last)) {
      if (this.spares) this.camera.everyMs = CAMERA_MS * this.rarer;
    }
    this.last = now;
    for (const draw of [...this.everybody]) draw(now);
  }
}

let one: Clock | null = null;

/** The clock of this page. */
export function clock(): Clock {
  one ??= new Clock();
  return one;
}
