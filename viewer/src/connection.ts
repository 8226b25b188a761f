// The WebSocket to the server: comes back by itself, and knows the server's clock.

import type { FromPage, FromServer, Hello, Marks, Session } from "./messages";
import { type Frame, readFrame } from "./wire";

type State = "connecting" | "open" | "lost";
type Listener = (message: FromServer) => void;

const PING_MS = 2000;
const LONGEST_WAIT_MS = 8000;

export class Connection {
  state: State = "connecting";
  hello: Hello | null = null;
  session: Session | null = null;
  marks: Marks | null = null;
  onframe: ((frame: Frame) => void) | null = null;

  private socket: WebSocket | null = null;
  private listeners = new Set<Listener>();
  private states = new Set<(state: State) => void>();
  private waitMs = 250;
  private offsetMs = Number.NaN;
  private bestTripMs = Infinity;

  constructor() {
    this.open();
    setInterval(() => this.send({ type: "ping", t_ms: performance.now() }), PING_MS);
  }

  /** The server's clock now, ms; NaN = not known yet. */
  serverMs(): number {
    return performance.now() + this.offsetMs;
  }

  /** False = there is no connection, and nothing was sent. */
  send(message: FromPage): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** Send a picture of this browser's camera unless the last one is still on its way. */
  sendPicture(jpeg: ArrayBuffer, takenMs: number): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN || this.socket.bufferedAmount > 0) return false;
    const message = new Uint8Array(8 + jpeg.byteLength);
    new DataView(message.buffer).setFloat64(0, Number.isNaN(takenMs) ? 0 : takenMs, true);
    message.set(new Uint8Array(jpeg), 8);
    this.socket.send(message);
    return true;
  }

  /** Be told text messages; the newest hello, session and marks come at once. Returns how to end it. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    if (this.hello) listener(this.hello);
    if (this.session) listener(this.session);
    if (this.marks) listener(this.marks);
    return () => this.listeners.delete(listener);
  }

  /** The newest hello, or the first. */
  greeting(): Promise<Hello> {
    return new Promise((done) => {
      const end = this.listen((m) => {
        if (m.type !== "hello") return;
        done(m);
        queueMicrotask(() => end());
      });
    });
  }

  watch(listener: (state: State) => void): () => void {
    this.states.add(listener);
    listener(this.state);
    return () => this.states.delete(listener);
  }

  private open(): void {
    const address = new URL("ws", document.baseURI);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.hash = "";
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      this.waitMs = 250;
      this.bestTripMs = Infinity;
      this.become("open");
      this.send({ type: "ping", t_ms: performance.now() });
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this.receive(event.data);
    socket.onclose = () => {
      this.become("lost");
      setTimeout(() => this.open(), this.waitMs);
      this.waitMs = Math.min(LONGEST_WAIT_MS, this.waitMs * 2);
    };
  }

  private receive(data: string | ArrayBuffer): void {
    if (typeof data !== "string") {
      const frame = readFrame(data);
      if (frame && this.onframe) this.onframe(frame);
      return;
    }
    const message = JSON.parse(data) as FromServer;
    if (message.type === "pong") this.learnClock(message.t_ms, message.server_ms);
    if (message.type === "hello") {
      this.hello = message;
      this.marks = null; // those of a server that has ended are on another clock; one that went on tells them again
    }
    if (message.type === "session") this.session = message;
    if (message.type === "marks") this.marks = message;
    for (const listener of this.listeners) listener(message);
  }

  /** The shortest of the last trips says best how far the clocks are apart. */
  private learnClock(sentMs: number, serverMs: number): void {
    const now = performance.now();
    const tripMs = now - sentMs;
    this.bestTripMs *= 1.05;
    if (tripMs <= this.bestTripMs) {
      this.bestTripMs = tripMs;
      this.offsetMs = serverMs - (sentMs + now) / 2;
    }
  }

  private become(state: State): void {
    this.state = state;
    for (const listener of this.states) listener(state);
  }
}
