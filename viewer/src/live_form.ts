// What can be chosen of a live run, and the buttons that begin and end it.

import { BrowserCamera } from "./camera";
import type { Connection } from "./connection";
import { ICONS, h, icon, remember, remembered, toast } from "./dom";
import type { Hello, Profile, Session, Start } from "./messages";
import type { OverlayChoice } from "./overlay";

const DEFAULTS = {
  source: "demo",
  other: "",
  preset: "balanced",
  faces: 1,
  smooth: true,
  profile: "",
  to: "",
  points: true,
  box: true,
  axes: true,
  mirror: false,
};
const STATES: Record<Session["state"], string> = { idle: "idle", starting: "starting …", running: "live", calibrating: "calibrating", ended: "ended", failed: "failed" };
const BUSY = ["starting", "running", "calibrating"];

export class LiveForm {
  readonly element: HTMLElement;
  /** Is told that something else is drawn over the picture. */
  onoverlay: (() => void) | null = null;
  private chosen = remembered("live", DEFAULTS);
  private camera: BrowserCamera;
  private state = h("span", { class: "chip", id: "state" }, "…");
  private startButton = h("button", { class: "primary", type: "submit", id: "start" });
  private stopButton = h("button", { type: "button", id: "stop", onclick: () => this.connection.send({ type: "stop" }) });
  private source = h(
    "select",
    { name: "source", id: "source" },
    h("option", { value: "demo" }, "Built-in clip"),
    h("option", { value: "browser" }, "This browser’s camera"),
    h("option", { value: "camera:0" }, "Camera of the server"),
    h("option", { value: "other" }, "A file or an address …"),
  );
  private other = h("input", { type: "text", placeholder: "clip.mp4, camera:1, rtsp://…", value: this.chosen.other });
  private preset = h("select", { name: "preset" });
  private profile = h("select", { name: "profile" }, h("option", { value: "" }, "none"));
  private faces = h("input", { type: "number", min: 1, max: 8, value: this.chosen.faces });
  private smooth = h("input", { type: "checkbox", checked: this.chosen.smooth });
  private to = h("textarea", { rows: 2, placeholder: "vmc://127.0.0.1:39539", spellcheck: "false" }, this.chosen.to);
  private outputs = h("p", { class: "hint", id: "outputs" });
  private privacy = h("input", { type: "checkbox", id: "privacy", role: "switch", onchange: () => this.askPrivacy() });

  constructor(private connection: Connection) {
    this.camera = new BrowserCamera(connection);
    this.startButton.append(icon(ICONS.play), "Start");
    this.stopButton.append(icon(ICONS.stop), "Stop");
    const otherField = field("File or address", this.other);
    this.element = this.layout(otherField);
    this.source.value = ["demo", "browser", "camera:0"].includes(this.chosen.source) ? this.chosen.source : "other";
    const showOther = (): void => {
      otherField.hidden = this.source.value !== "other";
    };
    this.source.onchange = showOther;
    showOther();
    void this.listProfiles();
  }

  /** What lies over the picture; changes with the boxes. */
  get overlay(): OverlayChoice {
    return this.chosen;
  }

  greet(hello: Hello): void {
    this.preset.append(...hello.presets.map((p) => h("option", { value: p.name, title: p.what }, p.name)));
    this.preset.value = this.chosen.preset;
    this.outputs.textContent = hello.outputs.map((o) => o.name).join("  ");
  }

  /** Show how things stand; true = something is under way. */
  show(session: Session): boolean {
    this.state.textContent = STATES[session.state];
    this.state.dataset["state"] = session.state;
    this.privacy.checked = session.privacy;
    const busy = BUSY.includes(session.state);
    this.stopButton.disabled = !busy;
    if (!session.wants_camera && this.camera.running && session.state !== "starting") this.camera.stop();
    return busy;
  }

  close(): void {
    this.camera.stop();
  }

  private layout(otherField: HTMLElement): HTMLElement {
    return h(
      "form",
      {
        class: "card controls",
        onsubmit: (event: Event) => {
          event.preventDefault();
          void this.start();
        },
      },
      h("div", { class: "row" }, this.startButton, this.stopButton, this.state),
      h(
        "label",
        { class: "switch", title: "The server then sends and stores nothing that has pixels in it" },
        this.privacy,
        icon(ICONS.shield),
        h("span", {}, "Privacy: no pixels leave the server"),
      ),
      field("Source", this.source),
      otherField,
      h("div", { class: "row checks" }, this.check("Points", "points"), this.check("Box", "box"), this.check("Axes", "axes"), this.check("Mirror", "mirror")),
      h(
        "details",
        {},
        h("summary", {}, "Settings"),
        field("Preset", this.preset),
        h("p", { class: "hint" }, "The preset micro marks micro- and macro-expressions as they are decided."),
        field("Calibration", this.profile, "A person’s profile, made on the page Calibrate"),
        field("Faces", this.faces, "At most so many are measured; the biggest drives the character"),
        h("label", { class: "check" }, this.smooth, "Smooth the character"),
        field("Send to", this.to, "One address a line: VMC, Live Link, iFacialMocap, OpenSeeFace, VTube Studio"),
        this.outputs,
      ),
    );
  }

  private check(label: string, name: keyof OverlayChoice): HTMLElement {
    const box = h("input", {
      type: "checkbox",
      checked: this.chosen[name],
      onchange: () => {
        this.chosen[name] = box.checked;
        remember("live", this.chosen);
        this.onoverlay?.();
      },
    });
    return h("label", { class: "check" }, box, label);
  }

  /** The box shows what the server says; where nothing can be asked it goes back at once. */
  private askPrivacy(): void {
    const on = this.privacy.checked;
    if (this.connection.send({ type: "privacy", on })) return;
    this.privacy.checked = !on;
    toast("The server is not there: nothing was switched", "error");
  }

  private async start(): Promise<void> {
    const { chosen, source, preset, profile, smooth, to } = this;
    Object.assign(chosen, {
      source: source.value,
      other: this.other.value,
      preset: preset.value,
      profile: profile.value,
      faces: this.faces.valueAsNumber || 1,
      smooth: smooth.checked,
      to: to.value,
    });
    remember("live", chosen);
    this.camera.stop();
    if (source.value === "browser") {
      try {
        await this.camera.start();
      } catch (error) {
        toast(`No camera: ${(error as Error).message}`, "error");
        return;
      }
    }
    const asked: Start = {
      type: "start",
      source: source.value === "other" ? this.other.value.trim() || "demo" : source.value,
      preset: preset.value || "balanced",
      faces: Math.min(8, Math.max(1, chosen.faces)),
      smooth: smooth.checked,
      profile: profile.value || null,
      to: to.value.split(/\s+/).filter(Boolean),
    };
    this.connection.send(asked);
  }

  private async listProfiles(): Promise<void> {
    const answer = await fetch("api/profiles").catch(() => null);
    const profiles = answer?.ok ? ((await answer.json()) as Profile[]) : [];
    this.profile.append(...profiles.map((p) => h("option", { value: p.name }, p.name)));
    if (profiles.some((p) => p.name === this.chosen.profile)) this.profile.value = this.chosen.profile;
  }
}

function field(label: string, control: HTMLElement, hint = ""): HTMLElement {
  return h("label", { class: "field", title: hint }, h("span", {}, label), control);
}
