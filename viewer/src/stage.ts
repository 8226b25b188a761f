// The picture and the character side by side, fed by the frames of the server. Live and Calibrate both use it.

import { CharacterView } from "./character";
import type { Connection } from "./connection";
import { currentAvatar } from "./avatars";
import { clock, renderer } from "./drawing";
import { h, toast } from "./dom";
import { type OverlayChoice, blank, drawFrame } from "./overlay";
import type { Frame } from "./wire";

/** What the page measured about the frames it showed, for benchmarks/latency.py. */
export interface PageFigures {
  latenciesMs: number[];
  shown: number;
  rate: number;
  /** Pictures of the character drawn in all. */
  drawn: number;
  /** What draws them. */
  renderer: string;
  /** Pictures among the frames since the server was last asked for privacy. */
  pictures: number;
}

const KEPT = 2000;

export class Stage {
  readonly element: HTMLElement;
  readonly figures: PageFigures = { latenciesMs: [], shown: 0, rate: 0, drawn: 0, renderer: renderer().name, pictures: 0 };
  frame: Frame | null = null;
  onframe: ((frame: Frame) => void) | null = null;
  /** Whether the character shows what is read without the person's profile. */
  plain = false;

  private canvas = h("canvas", { class: "picture", role: "img", "aria-label": "The picture with what was found in it" });
  private note = h("p", { class: "note" });
  private view: CharacterView | null = null;
  private picture: ImageBitmap | null = null;
  private drawnFrame: Frame | null = null;
  private pending: Frame | null = null;
  private decoding = false;
  private decoded = false;
  private alive = true;
  private end: () => void;

  constructor(
    private connection: Connection,
    readonly choice: OverlayChoice,
  ) {
    const character = h("div", { class: "pane character-pane" });
    this.element = h(
      "div",
      { class: "stage" },
      h("div", { class: "pane picture-pane" }, this.canvas, this.note),
      character,
    );
    blank(this.canvas);
    try {
      this.view = new CharacterView(character);
      this.view.ondrawn = () => this.drawn();
    } catch {
      character.append(h("p", { class: "note" }, "This browser draws no 3-D pictures (WebGL is off)."));
    }
    this.connection.onframe = (frame) => this.receive(frame);
    this.connection.listen((m) => {
      if (m.type === "hello") void this.loadCharacter();
      if (m.type === "session" && m.privacy) this.figures.pictures = 0;
    });
    new ResizeObserver(() => this.redraw()).observe(this.canvas);
    this.end = clock().each((now) => this.tick(now));
  }

  say(text: string): void {
    this.note.textContent = text;
    this.note.hidden = !text;
  }

  clear(): void {
    this.frame = null;
    this.picture?.close();
    this.picture = null;
    blank(this.canvas);
    this.view?.relax();
  }

  redraw(): void {
    const names = this.connection.hello?.names;
    this.element.classList.toggle("mirrored", this.choice.mirror);
    if (this.frame && names) drawFrame(this.canvas, this.frame, this.picture, names, this.choice);
  }

  close(): void {
    this.alive = false;
    this.end();
    this.connection.onframe = null;
    this.view?.close();
    this.picture?.close();
  }

  private async loadCharacter(): Promise<void> {
    try {
      await this.view?.load(await currentAvatar(), this.connection.hello!.names.shapes);
    } catch (error) {
      if (this.alive) toast(`The character cannot be shown: ${(error as Error).message}`, "error");
    }
  }

  private receive(frame: Frame): void {
    this.view?.play(this.plain && frame.plain ? { ...frame.signal, weights: frame.plain } : frame.signal);
    if (frame.picture) this.figures.pictures += 1;
    this.drawnFrame = frame;
    this.onframe?.(frame);
    this.pending = frame;
    if (!clock().spares) void this.decode();
  }

  /** Where drawing is dear, pictures are fewer, and are drawn together with the character. */
  private tick(now: number): void {
    if (!clock().spares) return;
    if (this.decoded) this.redraw();
    this.decoded = false;
    if (this.pending && !this.decoding && clock().camera.takes(now)) void this.decode();
  }

  /** Pictures are decoded one after the other, the newest wins; the overlay waits for its own picture. */
  private async decode(): Promise<void> {
    if (this.decoding) return;
    this.decoding = true;
    while (this.pending && this.alive) {
      const frame: Frame = this.pending;
      this.pending = null;
      let picture: ImageBitmap | null = null;
      if (frame.picture) {
        const blob = new Blob([frame.picture as Uint8Array<ArrayBuffer>], { type: "image/jpeg" });
        picture = await createImageBitmap(blob).catch(() => null);
      }
      this.picture?.close();
      this.picture = picture;
      this.frame = frame;
      this.note.hidden = true;
      this.decoded = true;
      if (clock().spares) break;
      this.redraw();
    }
    this.decoding = false;
  }

  /** The character was drawn: when the next picture is due, these pixels are on the screen. */
  private drawn(): void {
    this.figures.rate = this.view?.rate ?? 0;
    this.figures.drawn = this.view?.count ?? 0;
    const frame = this.drawnFrame;
    this.drawnFrame = null;
    if (!frame) return;
    requestAnimationFrame(() => {
      const latency = this.connection.serverMs() - frame.capturedMs;
      if (Number.isNaN(latency)) return;
      this.figures.shown += 1;
      this.figures.latenciesMs.push(latency);
      if (this.figures.latenciesMs.length > KEPT) this.figures.latenciesMs.shift();
    });
  }
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[sorted.length >> 1]! : Number.NaN;
}
