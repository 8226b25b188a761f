// The list of takes.

import type { Connection } from "../connection";
import { ICONS, h, icon } from "../dom";
import { listTakes } from "../takes";
import { editorPage } from "./editor";

interface Page {
  element: HTMLElement;
  close: () => void;
}

export async function takesPage(connection: Connection, name: string): Promise<Page> {
  if (name) return editorPage(connection, name);
  const list = h("div", { class: "take-list" });
  const element = h(
    "div",
    { class: "narrow" },
    h("h1", {}, "Takes"),
    h("p", { class: "hint" }, "What captures left below the studio’s folder. Opening changes nothing: edits are kept beside the take."),
    list,
  );
  try {
    const takes = await listTakes();
    for (const take of takes) {
      const when = take.created_utc ? new Date(take.created_utc).toLocaleString() : "";
      const card = h(
        "a",
        { class: "card take", href: `#/takes/${encodeURIComponent(take.name)}` },
        h("span", { class: "take-mark" }),
        h("span", { class: "grow" }, h("b", {}, take.name === "." ? take.source : take.name), h("small", {}, take.problem ?? `${take.source} · ${take.frames.toLocaleString()} frames · ${when}`)),
        take.edits ? h("span", { class: "chip" }, `${take.edits} edit${take.edits > 1 ? "s" : ""}`) : null,
        take.state === "complete" ? null : h("span", { class: "chip", "data-state": "failed" }, take.state),
      );
      card.querySelector(".take-mark")!.append(icon(ICONS.takes));
      list.append(card);
    }
    if (!takes.length) {
      list.append(
        h("div", { class: "card empty" }, h("b", {}, "No take yet"), h("p", {}, "Make one with “mien demo” or “mien capture clip.mp4 --out out/clip”, then come back.")),
      );
    }
  } catch (error) {
    list.append(h("div", { class: "card empty" }, (error as Error).message));
  }
  return { element, close: () => undefined };
}
