// This browser's camera as a source: pictures go to the server as JPEG, one at a time.

import type { Connection } from "./connection";

const WIDTH = 640;
const QUALITY = 0.85;

export class BrowserCamera {
  private stream: MediaStream | null = null;
  private video = document.createElement("video");
  private canvas = document.createElement("canvas");
  private busy = false;
  private alive = false;

  constructor(private connection: Connection) {}

  get running(): boolean {
    return this.alive;
  }

  /** Ask for the camera; throws with words that say what to do. */
  async start(): Promise<void> {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("Browsers give a camera only to pages of this machine or over https: see docs/studio.md");
    }
    this.stream = await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: WIDTH }, height: { ideal: 480 }, frameRate: { ideal: 30 } },
    });
    this.video.srcObject = this.stream;
    this.video.muted = true;
    await this.video.play();
    this.alive = true;
    this.next();
  }

  stop(): void {
    this.alive = false;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }

  private next(): void {
    if (!this.alive) return;
    this.video.requestVideoFrameCallback(() => {
      void this.take();
      this.next();
    });
  }

  private async take(): Promise<void> {
    if (this.busy || !this.video.videoWidth) return;
    this.busy = true;
    const takenMs = this.connection.serverMs();
    const scale = Math.min(1, WIDTH / this.video.videoWidth);
    this.canvas.width = Math.round(this.video.videoWidth * scale);
    this.canvas.height = Math.round(this.video.videoHeight * scale);
    this.canvas.getContext("2d")!.drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    const blob = await new Promise<Blob | null>((done) => this.canvas.toBlob(done, "image/jpeg", QUALITY));
    if (blob && this.alive) this.connection.sendPicture(await blob.arrayBuffer(), takenMs);
    this.busy = false;
  }
}
