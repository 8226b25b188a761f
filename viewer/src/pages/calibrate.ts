// Calibrate: the guided two minutes with the live picture and shapes beside them, and what the profile changes, live.

import { BrowserCamera } from "../camera";
import { Comparison } from "../comparison";
import type { Connection } from "../connection";
import { ICONS, ask, h, icon, toast } from "../dom";
import type { Calibrated, FromServer, Guidance, GuideStep, Profile, Session } from "../messages";
import { Stage } from "../stage";
import type { Frame } from "../wire";

export function calibratePage(connection: Connection): { element: HTMLElement; close: () => void } {
  const stage = new Stage(connection, { points: true, box: false, axes: false, mirror: true });
  const camera = new BrowserCamera(connection);
  const words = h("p", { class: "guide-words", "aria-live": "assertive" }, "Sit as you will sit later. Good light from the front helps most.");
  const ring = h("div", { class: "progress" }, h("i"));
  const steps = h("ol", { class: "steps" });
  const result = h("section", { class: "card", hidden: true });
  const profiles = h("div", { class: "avatar-list" });
  const name = h("input", { type: "text", required: true, pattern: "[A-Za-z0-9][A-Za-z0-9 _.\\-]{0,63}", value: "me", "aria-label": "Name of the profile" });
  const source = h(
    "select",
    { "aria-label": "Camera" },
    h("option", { value: "browser" }, "This browser’s camera"),
    h("option", { value: "camera:0" }, "Camera of the server"),
    h("option", { value: "demo" }, "Built-in clip, to try it"),
  );
  const start = h("button", { type: "submit", class: "primary", id: "calibrate" });
  start.append(icon(ICONS.play), "Begin");
  const stop = h("button", { type: "button", disabled: true, onclick: () => connection.send({ type: "stop" }) });
  stop.append(icon(ICONS.stop), "Stop early");
  const shapes = h("section", { class: "card", hidden: true, id: "shapes-now" });
  const shapesTitle = h("h2", {});
  const choice = h("div", { class: "segments", role: "radiogroup", "aria-label": "The character shows", hidden: true });
  let comparison: Comparison | null = null;
  let guide: GuideStep[] = [];
  let mine = false;
  let showing = false;
  let stepAt = -1;
  let stepSince = 0;
  let alive = true;

  const form = h(
    "form",
    {
      class: "card controls",
      onsubmit: (event: Event) => {
        event.preventDefault();
        void begin();
      },
    },
    h("h2", {}, "Calibrate", h("small", {}, "about two minutes")),
    h("p", { class: "hint" }, "A profile learns how your face looks at rest and how far your shapes reach. Your raw takes do not change."),
    h("label", { class: "field" }, h("span", {}, "Name"), name),
    h("label", { class: "field" }, h("span", {}, "Camera"), source),
    h("div", { class: "row" }, start, stop),
  );
  const element = h(
    "div",
    { class: "live calibrate" },
    stage.element,
    h("aside", { class: "side" }, form, h("section", { class: "card" }, h("h2", {}, "Profiles"), profiles)),
    h("div", { class: "column" }, h("section", { class: "card guide" }, words, ring, steps), shapes, result),
  );
  stage.say("Press Begin and follow the words below.");
  choice.append(
    h("span", { class: "hint" }, "The character shows"),
    ...[false, true].map((plain) => {
      const one = h("input", { type: "radio", name: "reading", checked: !plain, onchange: () => (stage.plain = plain) });
      return h("label", {}, one, h("span", {}, plain ? "as read" : "with the profile"));
    }),
  );
  stage.onframe = (frame: Frame) => {
    if (!comparison || !showing) return;
    const both = frame.plain !== null;
    comparison.show(frame.plain ?? frame.signal.weights, both ? frame.signal.weights : null);
  };

  async function cameraReady(): Promise<boolean> {
    camera.stop();
    if (source.value !== "browser") return true;
    try {
      await camera.start();
      return true;
    } catch (error) {
      toast(`No camera: ${(error as Error).message}`, "error");
      return false;
    }
  }

  /** The camera once more, every frame read with the profile and without it. */
  async function tryOut(profile: string): Promise<void> {
    if (!(await cameraReady())) return;
    mine = true;
    connection.send({ type: "start", source: source.value, preset: "balanced", profile, compare: true });
    words.textContent = `With and without the profile “${profile}”: smile, blink, raise your brows.`;
  }

  function showShapes(session: Session): void {
    const asked = session.state === "running" || session.state === "starting" ? session.asked : null;
    const both = asked?.compare === true && asked.profile != null;
    const was = showing;
    showing = session.state === "calibrating" || both;
    choice.hidden = !both;
    if (!both) stage.plain = false;
    else stage.plain = choice.querySelectorAll("input")[1]!.checked;
    if (showing && !was) comparison?.restart();
    if (showing) shapes.hidden = false;
    shapesTitle.replaceChildren(
      both ? `As read and with the profile “${asked.profile}”` : "As read now",
      h("small", {}, both ? "grey: as read · coloured: with the profile" : "the line: how far it has reached"),
    );
  }

  async function begin(): Promise<void> {
    if (!(await cameraReady())) return;
    result.hidden = true;
    mine = true;
    stepAt = -1;
    connection.send({ type: "calibrate", name: name.value.trim(), source: source.value, preset: "balanced", guided: source.value !== "demo" });
  }

  function showSteps(): void {
    steps.replaceChildren(...guide.map((s, k) => h("li", { class: k < stepAt ? "done" : k === stepAt ? "now" : "" }, s.name)));
  }

  function guided(m: Guidance): void {
    words.textContent = m.words;
    stepAt = m.step;
    stepSince = performance.now();
    showSteps();
  }

  function show(session: Session): void {
    const busy = session.state === "calibrating" || (mine && ["starting", "running"].includes(session.state));
    start.disabled = busy;
    stop.disabled = !busy;
    if (session.state === "starting") stage.clear();
    if (busy && !stage.frame) stage.say("Opening the camera and loading the models …");
    if (mine && session.state === "failed") {
      toast(session.problem ?? "The calibration failed", "error");
      stage.say(session.problem ?? "");
    }
    if (!busy && session.state !== "running") {
      if (mine) camera.stop();
      if (session.state === "ended" || session.state === "failed") mine = false;
      stepAt = session.state === "ended" && stepAt >= 0 ? guide.length : stepAt;
      showSteps();
    }
    showShapes(session);
  }

  function done(m: Calibrated): void {
    words.textContent = `Profile “${m.name}” is saved: see what it changes, choose it on the page Live under Settings, or say --profile.`;
    const see = h("button", { type: "button", class: "primary", id: "try", onclick: () => void tryOut(m.name) });
    see.append(icon(ICONS.play), "See it live, with and without");
    const bar = (low: number | null, high: number | null, which: string): HTMLElement => {
      const [a, b] = [Math.min(low ?? 0, high ?? 0), Math.max(low ?? 0, high ?? 0)];
      return h("span", { class: `reach ${which}`, title: low === null || high === null ? "not measured" : `${low.toFixed(2)} – ${high.toFixed(2)}` }, h("i", { style: `left:${a * 100}%;width:${Math.max(1, (b - a) * 100)}%` }));
    };
    result.hidden = false;
    result.replaceChildren(
      h("h2", {}, "From rest to reach, before and after", h("small", {}, m.blink_before === null ? `${m.frames} frames` : `${m.frames} frames; blinks reached ${m.blink_before.toFixed(2)}, now ${(m.blink_after ?? 0).toFixed(2)}`)),
      h("p", {}, see),
      h(
        "div",
        { class: "reaches" },
        ...m.shapes.map((s) => h("div", { class: "reach-row" }, h("span", {}, s.shape), h("span", { class: "pair" }, bar(s.rest_before, s.reach_before, "before"), bar(s.rest_after, s.reach_after, "after")))),
      ),
    );
    void listed();
  }

  async function listed(): Promise<void> {
    const found = await ask<Profile[]>("api/profiles");
    profiles.replaceChildren(
      ...found.map((p) => {
        const remove = h("button", { type: "button", class: "plain small", "aria-label": `Remove ${p.name}`, onclick: () => void ask(`api/profiles/${encodeURIComponent(p.name)}`, { method: "DELETE" }).then(listed) });
        remove.append(icon(ICONS.close));
        return h("div", { class: "avatar-row" }, h("span", { class: "grow" }, h("b", {}, p.name), h("small", { class: "hint" }, ` ${String(p.facts["source"] ?? "")}`)), h("button", { type: "button", class: "small", title: "See the camera with and without this profile", onclick: () => void tryOut(p.name) }, "Compare"), remove);
      }),
    );
    if (!found.length) profiles.append(h("p", { class: "hint" }, "None yet."));
  }

  const tick = (): void => {
    if (!alive) return;
    requestAnimationFrame(tick);
    const step = guide[stepAt];
    const share = step ? Math.min(1, (performance.now() - stepSince) / 1000 / step.seconds) : 0;
    (ring.firstElementChild as HTMLElement).style.transform = `scaleX(${share})`;
  };
  requestAnimationFrame(tick);

  const end = connection.listen((m: FromServer) => {
    if (m.type === "hello" && !comparison) {
      comparison = new Comparison(m.names.shapes);
      shapes.append(shapesTitle, choice, comparison.element);
    }
    if (m.type === "session") show(m);
    if (m.type === "guidance") guided(m);
    if (m.type === "calibrated" && mine) done(m);
  });
  void ask<GuideStep[]>("api/profiles/guide").then((g) => {
    guide = g;
    showSteps();
  });
  void listed();
  return {
    element,
    close: () => {
      alive = false;
      end();
      camera.stop();
      stage.close();
    },
  };
}
