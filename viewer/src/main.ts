// Pages by the part of the address behind "#", theme, and whether the server is there.

import "./style.css";
import { Connection } from "./connection";
import { ICONS, h, icon, remember, remembered } from "./dom";
import { avatarsPage } from "./pages/avatars";
import { calibratePage } from "./pages/calibrate";
import { livePage } from "./pages/live";
import { performPage } from "./pages/perform";
import { takesPage } from "./pages/takes";

interface Page {
  element: HTMLElement;
  close: () => void;
}
type Opener = (connection: Connection, rest: string) => Page | Promise<Page>;

const PAGES: Record<string, { title: string; icon: string; open: Opener }> = {
  live: { title: "Live", icon: ICONS.live, open: livePage },
  takes: { title: "Takes", icon: ICONS.takes, open: takesPage },
  perform: { title: "Perform", icon: ICONS.perform, open: performPage },
  avatars: { title: "Avatars", icon: ICONS.avatars, open: avatarsPage },
  calibrate: { title: "Calibrate", icon: ICONS.calibrate, open: calibratePage },
};

const connection = new Connection();
const main = h("main", { id: "main", tabindex: -1 });
const status = h("span", { class: "server", role: "status" });
const links = Object.entries(PAGES).map(([name, page]) => {
  const link = h("a", { href: `#/${name}` });
  link.append(icon(page.icon), h("span", {}, page.title));
  return [name, link] as const;
});

const theme = remembered("theme", { name: "" });
const applyTheme = (): void => {
  if (theme.name) document.documentElement.dataset["theme"] = theme.name;
};
const dark = (): boolean =>
  theme.name ? theme.name === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
applyTheme();
const themeButton = h("button", {
  class: "plain",
  type: "button",
  title: "Light or dark",
  "aria-label": "Light or dark",
  onclick: () => {
    theme.name = dark() ? "light" : "dark";
    remember("theme", theme);
    applyTheme();
  },
});
themeButton.append(icon(ICONS.theme));

document.querySelector("#app")!.append(
  h("a", { class: "skip", href: "#main", onclick: (e: Event) => (e.preventDefault(), main.focus()) }, "To the content"),
  h(
    "header",
    {},
    h("a", { class: "brand", href: "#/live", "aria-label": "Mien" }, h("img", { src: brandImage(), alt: "", width: 26, height: 26 }), h("span", {}, "Mien")),
    h("nav", { "aria-label": "Pages" }, ...links.map(([, link]) => link)),
    status,
    themeButton,
  ),
  main,
);

function brandImage(): string {
  return document.querySelector<HTMLLinkElement>("link[rel=icon]")!.href;
}

connection.watch((state) => {
  status.textContent = state === "open" ? "" : state === "lost" ? "Server lost, trying again …" : "Connecting …";
  document.body.classList.toggle("offline", state === "lost");
});

let current: Page | null = null;
let turn = 0;

async function show(): Promise<void> {
  const [name = "live", ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const page = PAGES[name] ?? PAGES["live"]!;
  const mine = ++turn;
  current?.close();
  current = null;
  let opened: Page;
  try {
    opened = await page.open(connection, decodeURIComponent(rest.join("/")));
  } catch (error) {
    opened = { element: h("div", { class: "card empty" }, (error as Error).message), close: () => undefined };
  }
  if (mine !== turn) return opened.close();
  current = opened;
  main.replaceChildren(opened.element);
  document.title = `${page.title} · Mien studio`;
  for (const [other, link] of links) {
    if (PAGES[other] === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

addEventListener("hashchange", () => void show());
void show();
