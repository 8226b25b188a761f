// Small helpers to make and keep elements.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | EventListener | undefined>;

/** An element with attributes ("on…" = listener) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((c): c is Node | string => c !== null && c !== undefined && c !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** A line icon of 24 × 24. */
export function icon(path: string): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export const ICONS = {
  live: "M4 6h11a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1zM16 10l5-3v10l-5-3",
  takes: "M3 5h18v14H3zM3 9h18M3 15h18M8 5v4M8 15v4M16 5v4M16 15v4",
  perform: "M4 18h16M6 14l3-6 4 5 3-8 2 9M6 14v4M13 13v5M18 14v4",
  avatars: "M12 3a7 8 0 0 1 7 8c0 5-3 10-7 10s-7-5-7-10a7 8 0 0 1 7-8zM9.5 11v.5M14.5 11v.5M9 15.5q3 2.5 6 0",
  calibrate: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4M4 12h4M12 12h8M10 10v4",
  theme: "M12 3a9 9 0 1 0 0 18zM12 3v18a9 9 0 0 0 0-18z",
  play: "M7 4l13 8-13 8z",
  pause: "M7 4v16M17 4v16",
  stop: "M6 6h12v12H6z",
  undo: "M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  redo: "M15 14l5-5-5-5M20 9H10a6 6 0 0 0 0 12h3",
  export: "M12 3v12M7 8l5-5 5 5M4 15v5h16v-5",
  shield: "M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z",
  close: "M6 6l12 12M18 6L6 18",
  drop: "M12 4v11M7 10l5 5 5-5M4 19h16",
  back: "M15 5l-7 7 7 7",
};

/** Put a short message where screen readers hear it and eyes see it; goes away by itself. */
export function toast(text: string, kind: "note" | "error" = "note"): void {
  let shelf = document.querySelector<HTMLElement>("#toasts");
  if (!shelf) {
    shelf = h("div", { id: "toasts", role: "status", "aria-live": "polite" });
    document.body.append(shelf);
  }
  const one = h("div", { class: `toast ${kind}` }, text);
  shelf.append(one);
  setTimeout(() => one.remove(), kind === "error" ? 9000 : 4000);
}

/** The JSON of an answer of the server, or an error with the server's words. */
export async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  const answer = await fetch(path, init);
  if (!answer.ok) throw new Error(await words(answer));
  return (await answer.json()) as T;
}

export async function words(answer: Response): Promise<string> {
  try {
    const { detail } = (await answer.json()) as { detail: unknown };
    return typeof detail === "string" ? detail : JSON.stringify(detail);
  } catch {
    return `${answer.status} ${answer.statusText}`;
  }
}

/** Something a page remembers between visits. */
export function remembered<T>(key: string, otherwise: T): T {
  try {
    const text = localStorage.getItem(`mien.${key}`);
    return text === null ? otherwise : ({ ...otherwise, ...(JSON.parse(text) as T) } as T);
  } catch {
    return otherwise;
  }
}

export function remember(key: string, value: object): void {
  try {
    localStorage.setItem(`mien.${key}`, JSON.stringify(value));
  } catch {
    // A page that may store nothing still works.
  }
}

/** Be called whenever light becomes dark. Returns how to end it. */
export function watchTheme(show: () => void): () => void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = new MutationObserver(show);
  chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  dark.addEventListener("change", show);
  return () => {
    chosen.disconnect();
    dark.removeEventListener("change", show);
  };
}
