// The menu of everything that a take can be exported to.

import { ICONS, ask, h, icon, toast } from "./dom";
import type { Choice } from "./messages";
import { exportTake } from "./takes";

/** @param track the face that is chosen when an entry is. */
export function exportMenu(name: string, track: () => number): HTMLElement {
  const edited = h("input", { type: "checkbox", checked: true });
  const list = h("div", { class: "menu-list", role: "menu" }, h("label", { class: "check" }, edited, "With the edits"));
  const button = h("summary", { class: "button", id: "export" });
  button.append(icon(ICONS.export), "Export");
  const menu = h("details", { class: "menu" }, button, list);
  void ask<Choice[]>("api/takes/exporters").then((formats) => {
    for (const format of formats) {
      const one = h(
        "button",
        {
          type: "button",
          role: "menuitem",
          class: "menu-item",
          "data-format": format.name,
          onclick: async () => {
            one.disabled = true;
            try {
              toast(`Saved ${await exportTake(name, [format.name], track(), edited.checked)}`);
              menu.open = false;
            } catch (error) {
              toast((error as Error).message, "error");
            }
            one.disabled = false;
          },
        },
        h("b", {}, format.name),
        h("span", {}, format.what),
      );
      list.append(one);
    }
  });
  return menu;
}
