// Characters: choose one, drop a file, read the rig report, mend the mapping, and watch every shape in a sweep.

import { BUILTIN, avatarOf, chooseAvatar, chosenAvatar } from "../avatars";
import { CharacterView } from "../character";
import type { Connection } from "../connection";
import { ICONS, ask, h, icon, toast } from "../dom";
import type { Avatar, Shape } from "../messages";

const SWEEP_MS = 700;
const KINDS: Record<Shape["kind"], string> = {
  same: "has it",
  spelling: "other spelling",
  alias: "other name",
  halves: "two halves",
  instead: "others stand in",
  missing: "missing",
};

export function avatarsPage(connection: Connection): { element: HTMLElement; close: () => void } {
  const view3d = h("div", { class: "pane character-pane tall" });
  const list = h("div", { class: "avatar-list", role: "listbox", "aria-label": "Characters" });
  const report = h("div", { class: "report" });
  const rows = h("div", { class: "mapping" });
  const input = h("input", { type: "file", accept: ".glb,.vrm", class: "file", id: "file", onchange: () => void dropped(input.files?.[0]) });
  const drop = h("label", { class: "drop", for: "file" }, input);
  drop.prepend(icon(ICONS.drop), h("span", {}, "Drop a GLB or VRM here, or choose a file"));
  const sweepButton = h("button", { type: "button", id: "sweep", onclick: () => (sweeping ? endSweep() : startSweep()) });
  const useButton = h("button", { type: "button", class: "primary", id: "use", onclick: () => use() }, "Use this character");
  const saveButton = h("button", { type: "button", id: "save-mapping", disabled: true, onclick: () => void save() }, "Save the mapping");
  const said = h("output", { class: "sweep-name", "aria-live": "off" });
  let view: CharacterView | null = null;
  let avatar: Avatar | null = null;
  let shapes: string[] = [];
  let sweeping = 0;
  let alive = true;

  try {
    view = new CharacterView(view3d);
  } catch {
    view3d.append(h("p", { class: "note" }, "This browser draws no 3-D pictures (WebGL is off)."));
  }
  view3d.append(said);

  const element = h(
    "div",
    { class: "avatars" },
    h("div", { class: "column" }, view3d, h("div", { class: "row" }, useButton, sweepButton, h("span", { class: "grow" }), saveButton)),
    h("aside", { class: "side" }, h("section", { class: "card" }, h("h2", {}, "Characters"), list, drop), h("section", { class: "card" }, report, rows)),
  );
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"] as const) {
    element.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragenter" || kind === "dragover");
      if (kind === "drop") void dropped(event.dataTransfer?.files[0]);
    });
  }
  setSweepLabel();

  function setSweepLabel(): void {
    sweepButton.replaceChildren(icon(sweeping ? ICONS.stop : ICONS.play), sweeping ? "Stop" : "Sweep all shapes");
  }

  async function showList(): Promise<void> {
    const names = await ask<string[]>("api/avatars");
    list.replaceChildren(
      ...names.map((name) => {
        const remove = h("button", { type: "button", class: "plain small", "aria-label": `Remove ${name}`, onclick: () => void removed(name) });
        remove.append(icon(ICONS.close));
        return h(
          "div",
          { class: "avatar-row" },
          h(
            "button",
            { type: "button", class: "avatar-name", role: "option", "aria-selected": String(name === avatar?.name), onclick: () => void open(name) },
            name === BUILTIN ? "Mien (built-in)" : name,
            name === chosenAvatar() ? h("span", { class: "chip" }, "in use") : null,
          ),
          name === BUILTIN ? null : remove,
        );
      }),
    );
  }

  async function open(name: string): Promise<void> {
    endSweep();
    try {
      avatar = await avatarOf(name);
      await view?.load(avatar, shapes);
      if (!alive) return;
      showReport();
      await showList();
    } catch (error) {
      toast((error as Error).message, "error");
    }
  }

  async function dropped(file: File | undefined): Promise<void> {
    if (!file) return;
    const name = file.name.replace(/[^A-Za-z0-9 _.-]/g, "_").replace(/^[^A-Za-z0-9]+/, "") || "character.glb";
    try {
      drop.classList.add("busy");
      await ask<Avatar>(`api/avatars/${encodeURIComponent(name)}`, { method: "PUT", body: file });
      toast(`${name} is kept`);
      await open(name);
    } catch (error) {
      toast((error as Error).message, "error");
    } finally {
      drop.classList.remove("busy");
      input.value = "";
    }
  }

  async function removed(name: string): Promise<void> {
    try {
      await ask(`api/avatars/${encodeURIComponent(name)}`, { method: "DELETE" });
      if (chosenAvatar() === name) chooseAvatar(BUILTIN);
      await open(BUILTIN);
    } catch (error) {
      toast((error as Error).message, "error");
    }
  }

  function use(): void {
    if (!avatar) return;
    chooseAvatar(avatar.name);
    toast(`${avatar.name} is the character now`);
    void showList();
  }

  async function save(): Promise<void> {
    if (!avatar) return;
    try {
      avatar = await ask<Avatar>(`api/avatars/${encodeURIComponent(avatar.name)}/mapping`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ mapping: avatar.mapping }),
      });
      saveButton.disabled = true;
      toast("The mapping is saved");
    } catch (error) {
      toast((error as Error).message, "error");
    }
  }

  function showReport(): void {
    const a = avatar!;
    const targets = [...new Set([...a.unused, ...a.shapes.flatMap((s) => (s.kind === "instead" ? [] : Object.keys(s.parts)))])].sort();
    const options = [...targets, ...a.expressions.filter((e) => !targets.includes(e))];
    const count = (kind: Shape["kind"]): number => a.shapes.filter((s) => s.kind === kind).length;
    const dead = a.shapes.filter((s) => s.dead).length;
    const figure = (n: number | string, label: string): HTMLElement => h("div", {}, h("b", {}, String(n)), h("span", {}, label));
    report.replaceChildren(
      h("h2", {}, "Rig report", h("small", {}, `${a.kind}, ${(a.bytes / 1024 / 1024).toFixed(1)} MB`)),
      h(
        "div",
        { class: "figures" },
        figure(a.present, "of 52 there"),
        figure(count("instead"), "stand in"),
        figure(count("missing"), "missing"),
        figure(dead, "dead"),
        a.kind === "glTF" ? null : figure(a.perfect_sync, "perfect sync"),
      ),
      a.present === 0 && a.kind === "glTF" ? h("p", { class: "warnings" }, h("li", {}, "No morph target of this file has a name that is known: map some by hand below.")) : "",
    );
    const names = h("datalist", { id: "targets" }, ...options.map((t) => h("option", { value: t })));
    rows.replaceChildren(
      names,
      ...a.shapes.map((s, k) => {
        const parts = a.mapping[s.shape] ?? {};
        const field = h("input", {
          type: "text",
          list: "targets",
          value: Object.entries(parts)
            .map(([n, g]) => (g === 1 ? n : `${g} ${n}`))
            .join(" + "),
          placeholder: "nothing",
          "aria-label": `Morph targets for ${s.shape}`,
          onchange: () => {
            const read = readParts(field.value);
            if (!read) {
              toast(`${s.shape}: write names, with a gain before them if wanted: 0.5 Fcl_MTH_A + smile`, "error");
              return;
            }
            a.mapping[s.shape] = read;
            saveButton.disabled = false;
            void view?.load(a, shapes);
          },
        });
        const demo = (on: boolean) => (): void => {
          if (!sweeping) view?.setWeight(k, on ? 1 : 0);
        };
        const kind = s.dead ? "does nothing" : KINDS[s.kind];
        return h(
          "div",
          { class: "map-row", "data-kind": s.dead ? "missing" : s.kind, onpointerenter: demo(true), onpointerleave: demo(false), onfocusin: demo(true), onfocusout: demo(false) },
          h("span", { class: "dot", title: kind }),
          h("b", {}, s.shape),
          field,
        );
      }),
    );
    saveButton.disabled = true;
  }

  function startSweep(): void {
    sweeping = performance.now();
    setSweepLabel();
    const step = (): void => {
      if (!sweeping || !alive) return;
      const passed = performance.now() - sweeping;
      const at = Math.floor(passed / SWEEP_MS);
      view?.relax();
      if (at >= shapes.length) return endSweep();
      view?.setWeight(at, Math.sin((Math.PI * (passed % SWEEP_MS)) / SWEEP_MS));
      // mouthClose only corrects an open jaw.
      if (shapes[at] === "mouthClose") view?.setWeight(shapes.indexOf("jawOpen"), Math.sin((Math.PI * (passed % SWEEP_MS)) / SWEEP_MS));
      said.textContent = shapes[at]!;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  function endSweep(): void {
    sweeping = 0;
    said.textContent = "";
    view?.relax();
    setSweepLabel();
  }

  const end = connection.listen((m) => {
    if (m.type !== "hello" || shapes.length) return;
    shapes = m.names.shapes;
    void open(chosenAvatar()).then(() => (avatar ? undefined : open(BUILTIN)));
  });
  return {
    element,
    close: () => {
      alive = false;
      end();
      view?.close();
    },
  };
}

/** "0.5 a + b" → { a: 0.5, b: 1 }; null = not understood. */
function readParts(text: string): Record<string, number> | null {
  const out: Record<string, number> = {};
  for (const part of text.split("+").map((p) => p.trim()).filter(Boolean)) {
    const found = /^(?:(-?\d*\.?\d+)\s+)?(\S.*)$/.exec(part);
    if (!found) return null;
    const gain = found[1] === undefined ? 1 : Number(found[1]);
    if (!(Math.abs(gain) <= 4)) return null;
    out[found[2]!] = gain;
  }
  return out;
}
