// Live: picture and character, meters, figures, warnings, and everything that can be chosen.

import { BrowserCamera } from "../camera";
import type { Connection } from "../connection";
import { ICONS, h, icon, remember, remembered, toast } from "../dom";
import { MarkStrip } from "../marks";
import type { FromServer, Profile, Session, Start, Status } from "../messages";
import { Meters } from "../meters";
import { Stage, median } from "../stage";
import type { Frame } from "../wire";

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

export function livePage(connection: Connection): { element: HTMLElement; close: () => void } {
  const chosen = remembered("live", DEFAULTS);
  const stage = new Stage(connection, chosen);
  const camera = new BrowserCamera(connection);
  (window as unknown as { mien?: unknown }).mien = { figures: stage.figures };
  let meters: Meters | null = null;
  let marks: MarkStrip | null = null;

  const state = h("span", { class: "chip", id: "state" }, "…");
  const figures = h("div", { class: "figures" });
  const pose = h("div", { class: "figures" });
  const warnings = h("ul", { class: "warnings", "aria-live": "polite" });
  const receivers = h("ul", { class: "receivers" });
  const marksBox = h("div", { class: "marks-box" });
  const metersBox = h("section", { class: "card meters-card" });
  const startButton = h("button", { class: "primary", type: "submit", id: "start" });
  const stopButton = h("button", { type: "button", id: "stop", onclick: () => connection.send({ type: "stop" }) });
  startButton.append(icon(ICONS.play), "Start");
  stopButton.append(icon(ICONS.stop), "Stop");

  const field = (label: string, control: HTMLElement, hint = ""): HTMLElement =>
    h("label", { class: "field", title: hint }, h("span", {}, label), control);
  const source = h(
    "select",
    { name: "source", id: "source" },
    h("option", { value: "demo" }, "Built-in clip"),
    h("option", { value: "browser" }, "This browser’s camera"),
    h("option", { value: "camera:0" }, "Camera of the server"),
    h("option", { value: "other" }, "A file or an address …"),
  );
  const other = h("input", { type: "text", placeholder: "clip.mp4, camera:1, rtsp://…", value: chosen.other });
  const otherField = field("File or address", other);
  const preset = h("select", { name: "preset" });
  const profile = h("select", { name: "profile" }, h("option", { value: "" }, "none"));
  const faces = h("input", { type: "number", min: 1, max: 8, value: chosen.faces });
  const smooth = h("input", { type: "checkbox", checked: chosen.smooth });
  const to = h("textarea", { rows: 2, placeholder: "vmc://127.0.0.1:39539", spellcheck: "false" }, chosen.to);
  const privacy = h("input", {
    type: "checkbox",
    id: "privacy",
    role: "switch",
    onchange: () => connection.send({ type: "privacy", on: privacy.checked }),
  });
  const check = (label: string, name: "points" | "box" | "axes" | "mirror"): HTMLElement => {
    const box = h("input", {
      type: "checkbox",
      checked: chosen[name],
      onchange: () => {
        chosen[name] = box.checked;
        remember("live", chosen);
        stage.redraw();
      },
    });
    return h("label", { class: "check" }, box, label);
  };

  const form = h(
    "form",
    {
      class: "card controls",
      onsubmit: (event: Event) => {
        event.preventDefault();
        void start();
      },
    },
    h("div", { class: "row" }, startButton, stopButton, state),
    h(
      "label",
      { class: "switch", title: "The server then sends and stores nothing that has pixels in it" },
      privacy,
      icon(ICONS.shield),
      h("span", {}, "Privacy: no pixels leave the server"),
    ),
    field("Source", source),
    otherField,
    h("div", { class: "row checks" }, check("Points", "points"), check("Box", "box"), check("Axes", "axes"), check("Mirror", "mirror")),
    h(
      "details",
      {},
      h("summary", {}, "Settings"),
      field("Preset", preset),
      h("p", { class: "hint" }, "The preset micro marks micro- and macro-expressions as they are decided."),
      field("Calibration", profile, "A person’s profile, made on the page Calibrate"),
      field("Faces", faces, "At most so many are measured; the biggest drives the character"),
      h("label", { class: "check" }, smooth, "Smooth the character"),
      field("Send to", to, "One address a line: VMC, Live Link, iFacialMocap, OpenSeeFace, VTube Studio"),
      h("p", { class: "hint", id: "outputs" }),
    ),
  );
  source.value = ["demo", "browser", "camera:0"].includes(chosen.source) ? chosen.source : "other";
  const showOther = (): void => {
    otherField.hidden = source.value !== "other";
  };
  source.onchange = showOther;
  showOther();

  async function start(): Promise<void> {
    Object.assign(chosen, {
      source: source.value,
      other: other.value,
      preset: preset.value,
      profile: profile.value,
      faces: faces.valueAsNumber || 1,
      smooth: smooth.checked,
      to: to.value,
    });
    remember("live", chosen);
    camera.stop();
    if (source.value === "browser") {
      try {
        await camera.start();
      } catch (error) {
        toast(`No camera: ${(error as Error).message}`, "error");
        return;
      }
    }
    const asked: Start = {
      type: "start",
      source: source.value === "other" ? other.value.trim() || "demo" : source.value,
      preset: preset.value || "balanced",
      faces: Math.min(8, Math.max(1, chosen.faces)),
      smooth: smooth.checked,
      profile: profile.value || null,
      to: to.value.split(/\s+/).filter(Boolean),
    };
    connection.send(asked);
  }

  const show = (session: Session): void => {
    const words = { idle: "idle", starting: "starting …", running: "live", calibrating: "calibrating", ended: "ended", failed: "failed" };
    state.textContent = words[session.state];
    state.dataset["state"] = session.state;
    privacy.checked = session.privacy;
    const busy = ["starting", "running", "calibrating"].includes(session.state);
    stopButton.disabled = !busy;
    marks?.running(busy);
    if (session.state === "starting") {
      stage.clear();
      stage.say("Opening the source and loading the models …");
    }
    if (session.state === "idle") stage.say("Press Start: the built-in clip needs no camera.");
    if (session.state === "ended" && !stage.frame) stage.say("The source has ended.");
    if (session.state === "failed") stage.say(session.problem ?? "It failed.");
    if (!session.wants_camera && camera.running && session.state !== "starting") camera.stop();
  };
  const number = (value: string, label: string): HTMLElement => h("div", {}, h("b", {}, value), h("span", {}, label));
  const showStatus = (s: Status): void => {
    const latency = median(stage.figures.latenciesMs.slice(-60));
    figures.replaceChildren(
      number(s.fps.toFixed(0), "frames/s"),
      number(`${s.measure_ms.toFixed(0)} ms`, "measuring"),
      number(Number.isNaN(latency) ? "–" : `${latency.toFixed(0)} ms`, "to screen"),
      number(String(s.dropped), "left out"),
      number(String(stage.figures.rate), "drawn/s"),
    );
    figures.title = Object.entries(s.stages_ms)
      .map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`)
      .join(", ");
    warnings.replaceChildren(...s.warnings.map((w) => h("li", {}, w)));
    receivers.replaceChildren(
      ...s.receivers.map((r) => {
        const how = r.problem ?? `${r.sent} sent, ${r.p50_ms === null ? "–" : r.p50_ms.toFixed(1)} ms`;
        return h("li", { class: r.problem ? "bad" : "good" }, h("b", {}, r.to), ` ${how}`);
      }),
    );
  };
  let poseShown = 0;
  stage.onframe = (frame: Frame) => {
    const face = frame.faces.find((f) => f.id === frame.followed) ?? frame.faces[0];
    meters?.show(face);
    const now = performance.now();
    if (now - poseShown < 100) return;
    poseShown = now;
    const degrees = (k: number): string => {
      const v = face?.yawPitchRoll[k] ?? Number.NaN;
      return Number.isNaN(v) ? "–" : `${v.toFixed(0)}°`;
    };
    pose.replaceChildren(number(degrees(0), "yaw"), number(degrees(1), "pitch"), number(degrees(2), "roll"), number(String(frame.faces.length), frame.faces.length === 1 ? "face" : "faces"));
  };

  const element = h(
    "div",
    { class: "live" },
    stage.element,
    h(
      "aside",
      { class: "side" },
      form,
      h("section", { class: "card readout" }, pose, figures, warnings, receivers),
    ),
    h("div", { class: "column" }, marksBox, metersBox),
  );
  const end = connection.listen((m: FromServer) => {
    if (m.type === "hello" && !meters) {
      meters = new Meters(m.names);
      metersBox.append(h("h2", {}, "Action units", h("small", {}, "right of the face · left")), meters.element);
      marks = new MarkStrip(m.names, () => connection.serverMs());
      marksBox.append(marks.element);
      preset.append(...m.presets.map((p) => h("option", { value: p.name, title: p.what }, p.name)));
      preset.value = chosen.preset;
      form.querySelector("#outputs")!.textContent = m.outputs.map((o) => o.name).join("  ");
    }
    if (m.type === "session") show(m);
    if (m.type === "status") showStatus(m);
    if (m.type === "marks" && marks) {
      marks.show(m);
      element.classList.toggle("with-marks", marks.wanted);
    }
    if (m.type === "problem") toast(m.what, "error");
  });
  void fetch("api/profiles")
    .then(async (answer) => (answer.ok ? ((await answer.json()) as Profile[]) : []))
    .then((profiles) => {
      profile.append(...profiles.map((p) => h("option", { value: p.name }, p.name)));
      if (profiles.some((p) => p.name === chosen.profile)) profile.value = chosen.profile;
    })
    .catch(() => undefined);

  stage.redraw();
  return {
    element,
    close: () => {
      end();
      marks?.close();
      camera.stop();
      stage.close();
    },
  };
}
