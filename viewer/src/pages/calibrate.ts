// Calibrate: the guided two minutes with the live picture and shapes beside them, and what the profile changes, live.

import { ProfileList, resultOf } from "../calibrated";
import { BrowserCamera } from "../camera";
import type { Connection } from "../connection";
import { ICONS, h, icon, toast } from "../dom";
import { Guide } from "../guide";
import type { Calibrate, Calibrated, FromServer, Session, Start } from "../messages";
import { ShapesNow } from "../shapes_now";
import { Stage } from "../stage";

const PRESET = "balanced";

export function calibratePage(connection: Connection): { element: HTMLElement; close: () => void } {
  return new CalibratePage(connection);
}

class CalibratePage {
  readonly element: HTMLElement;
  private stage: Stage;
  private camera: BrowserCamera;
  private shapes: ShapesNow;
  private guide = new Guide();
  private profiles = new ProfileList((name) => void this.compare(name));
  private result = h("section", { class: "card", hidden: true });
  private name = h("input", { type: "text", required: true, pattern: "[A-Za-z0-9][A-Za-z0-9 _.\\-]{0,63}", value: "me", "aria-label": "Name of the profile" });
  private source = h(
    "select",
    { "aria-label": "Camera" },
    h("option", { value: "browser" }, "This browser’s camera"),
    h("option", { value: "camera:0" }, "Camera of the server"),
    h("option", { value: "demo" }, "Built-in clip, to try it"),
  );
  private start = h("button", { type: "submit", class: "primary", id: "calibrate" });
  private stop = h("button", { type: "button", id: "stop-early", disabled: true, onclick: () => this.connection.send({ type: "stop" }) });
  /** Whether what is under way was asked for here. */
  private mine = false;
  /** What `mine` was before an order that is not answered yet; null = none is. */
  private before: boolean | null = null;
  private end: () => void;

  constructor(private connection: Connection) {
    this.stage = new Stage(connection, { points: true, box: false, axes: false, mirror: true });
    this.camera = new BrowserCamera(connection);
    this.shapes = new ShapesNow(this.stage);
    this.start.append(icon(ICONS.play), "Begin");
    this.stop.append(icon(ICONS.stop), "Stop early");
    this.element = h(
      "div",
      { class: "live calibrate" },
      this.stage.element,
      h("aside", { class: "side" }, this.form(), h("section", { class: "card" }, h("h2", {}, "Profiles"), this.profiles.element)),
      h("div", { class: "column" }, this.guide.element, this.shapes.element, this.result),
    );
    this.stage.say("Press Begin and follow the words below.");
    this.stage.onframe = (frame) => this.shapes.frame(frame);
    this.end = connection.listen((m) => this.hear(m));
  }

  close(): void {
    this.end();
    this.guide.close();
    this.camera.stop();
    this.stage.close();
  }

  private form(): HTMLElement {
    return h(
      "form",
      {
        class: "card controls",
        onsubmit: (event: Event) => {
          event.preventDefault();
          void this.begin();
        },
      },
      h("h2", {}, "Calibrate", h("small", {}, "about two minutes")),
      h("p", { class: "hint" }, "A profile learns how your face looks at rest and how far your shapes reach. Your raw takes do not change."),
      h("label", { class: "field" }, h("span", {}, "Name"), this.name),
      h("label", { class: "field" }, h("span", {}, "Camera"), this.source),
      h("div", { class: "row" }, this.start, this.stop),
    );
  }

  private hear(m: FromServer): void {
    if (m.type === "hello") this.shapes.name(m.names.shapes);
    if (m.type === "session") this.show(m);
    if (m.type === "guidance") this.guide.follow(m);
    if (m.type === "calibrated" && this.mine) this.done(m);
    if (m.type === "problem") this.refused(m.what);
  }

  private async cameraReady(): Promise<boolean> {
    this.camera.stop();
    if (this.source.value !== "browser") return true;
    try {
      await this.camera.start();
      return true;
    } catch (error) {
      toast(`No camera: ${(error as Error).message}`, "error");
      return false;
    }
  }

  private async begin(): Promise<void> {
    if (!(await this.cameraReady())) return;
    this.result.hidden = true;
    this.guide.restart();
    const source = this.source.value;
    this.order({ type: "calibrate", name: this.name.value.trim(), source, preset: PRESET, guided: source !== "demo" });
  }

  /** The camera once more, every frame read with the profile and without it. */
  private async compare(profile: string): Promise<void> {
    if (!(await this.cameraReady())) return;
    this.guide.say(`With and without the profile “${profile}”: smile, blink, raise your brows.`);
    this.order({ type: "start", source: this.source.value, preset: PRESET, profile, compare: true });
  }

  private order(order: Calibrate | Start): void {
    this.before = this.mine;
    this.mine = true;
    if (!this.connection.send(order)) this.refused("The server is not there: nothing was begun");
  }

  /** A message was not followed: what was under way goes on, and nothing new has begun. */
  private refused(what: string): void {
    toast(what, "error");
    if (this.before === null) return;
    this.mine = this.before;
    this.before = null;
    this.guide.say(`Nothing new was begun. ${what}`);
    if (!this.mine) this.camera.stop();
  }

  private show(session: Session): void {
    const { state } = session;
    if (state === "starting") this.before = null;
    const busy = state === "calibrating" || (this.mine && ["starting", "running"].includes(state));
    this.start.disabled = busy;
    this.stop.disabled = !busy;
    if (state === "starting") this.stage.clear();
    if (busy && !this.stage.frame) this.stage.say("Opening the camera and loading the models …");
    if (this.mine && state === "failed") {
      toast(session.problem ?? "The calibration failed", "error");
      this.stage.say(session.problem ?? "");
    }
    if (!busy && state !== "running") {
      if (this.mine) this.camera.stop();
      if (state === "ended" || state === "failed") this.mine = false;
      this.guide.end(state === "ended");
    }
    this.shapes.show(session);
  }

  private done(m: Calibrated): void {
    this.guide.say(`Profile “${m.name}” is saved: see what it changes, choose it on the page Live under Settings, or say --profile.`);
    this.result.hidden = false;
    this.result.replaceChildren(...resultOf(m, () => void this.compare(m.name)));
    void this.profiles.read();
  }
}
