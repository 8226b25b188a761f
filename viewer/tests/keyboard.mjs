// The studio without a mouse, and a run with the preset micro begun that way:
// node viewer/tests/keyboard.mjs ADDRESS CHROMIUM FOLDER [PART ...]. The studio has the take "spoiled" of tests/studio/spoiled.py.
import { WAIT, finished, started } from "./browser.mjs";

const [address, executablePath, folder, ...only] = process.argv.slice(2);
const READY = { live: ".meter", takes: ".take", perform: ".shelf button", avatars: ".map-row", calibrate: ".steps li", "takes/spoiled": "#why-frame:not(:empty)" };
const own = await started(executablePath);
const page = await own.opened();
const seen = {};
/** Quick hands: the next key is pressed before the page has dealt with the last. */
const press = (key, times = 1) => Promise.all(Array.from({ length: times }, () => page.keyboard.press(key)));
/** Tab until the focus is there. */
async function tabTo(selector, back = false) {
  for (let k = 0; k < 120; k++) {
    if (await page.evaluate((s) => document.activeElement?.matches(s), selector)) return;
    await page.keyboard.press(back ? "Shift+Tab" : "Tab");
  }
  throw new Error(`Tab never reaches ${selector}`);
}

/** In the page: what can be worked with, and from then on whatever gets the focus and whether one sees that. */
function watchFocus() {
  const controls = "a[href], button, input, select, textarea, summary, [tabindex]";
  const usable = (e) => !e.disabled && e.tabIndex >= 0 && e.checkVisibility({ visibilityProperty: true });
  const one = (e) => e.type !== "radio" || e.checked;
  const outlined = (e) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(e);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 1;
  };
  const label = (e) => e.closest("label") ?? e;
  const rest = new Map([...document.querySelectorAll(controls)].map((e) => [e, getComputedStyle(label(e)).borderColor]));
  const name = (e) => `${e.tagName.toLowerCase()}${e.id ? `#${e.id}` : ""} ${(e.getAttribute("aria-label") ?? e.textContent).trim().slice(0, 30)}`;
  const wanted = [...rest.keys()].filter((e) => usable(e) && one(e));
  const reached = new Set();
  const [unseen, away, unnamed] = [[], [], []];
  const look = (event) => {
    const e = event.target;
    if (reached.has(e)) return;
    reached.add(e);
    if (![e, e.nextElementSibling].some((x) => x && outlined(x)) && getComputedStyle(label(e)).borderColor === rest.get(e)) unseen.push(name(e));
    const box = label(e).getBoundingClientRect();
    if (box.bottom <= 0 || box.top >= innerHeight || box.right <= 0 || box.left >= innerWidth) away.push(name(e));
    if (!e.closest("label") && !(e.getAttribute("aria-label") ?? e.title ?? "") && !e.textContent.trim() && !e.labels?.length) unnamed.push(name(e));
  };
  document.addEventListener("focusin", look);
  window.focusSeen = () => {
    document.removeEventListener("focusin", look);
    return { wanted: wanted.length, missed: wanted.filter((e) => e.isConnected && !reached.has(e)).map(name), unseen, away, unnamed };
  };
  return wanted.length;
}

/** Tab through every page: every control is reached, is seen to have the focus, lies within the window, has a name. */
async function everywhere() {
  seen.pages = {};
  for (const [name, ready] of Object.entries(READY)) {
    await page.goto(`${address}#/${name}`);
    await page.locator(ready).first().waitFor({ state: "attached", ...WAIT });
    await page.waitForTimeout(400); // lists of the server
    if (name === "live") {
      await page.locator("summary", { hasText: "Settings" }).focus();
      await press("Enter");
    }
    await page.locator("a.skip").focus();
    await press("Shift+Tab");
    const count = await page.evaluate(watchFocus);
    await press("Tab", count + 3);
    seen.pages[name] = await page.evaluate(() => window.focusSeen());
  }
  // This test would see it: a control that Tab passes over, and a focus that is not shown.
  await page.goto(`${address}#/takes`);
  await page.locator(".take").first().waitFor(WAIT);
  await page.addStyleTag({ content: ":focus-visible { outline: none !important; }" });
  await page.locator("a.skip").focus();
  await press("Shift+Tab");
  await page.evaluate(watchFocus);
  await press("Tab", 4);
  const { missed, unseen } = await page.evaluate(() => window.focusSeen());
  seen.wouldSee = [missed.length, unseen.length];
  await page.reload();
}

/** Enter, Space and arrows do on every page what a click does. What would begin a run is caught on its way. */
async function worked() {
  const one = await own.opened();
  const sent = [];
  await one.routeWebSocket(/\/ws/, (ws) => {
    const server = ws.connectToServer();
    ws.onMessage((m) => {
      const message = typeof m === "string" ? JSON.parse(m) : {};
      if (["start", "calibrate"].includes(message.type)) sent.push([message.type, message.source, message.preset]);
      else server.send(m);
    });
  });
  const key = (selector, name) => one.locator(selector).first().press(name);
  await one.goto(`${address}#/live`);
  await one.locator(".meter").first().waitFor(WAIT);
  await key("a.skip", "Enter");
  seen.skipped = await one.evaluate(() => document.activeElement.id);
  await key(".check input", "Space");
  seen.pointsHidden = !(await one.locator(".check input").first().isChecked());
  await key(".check input", "Space");
  await key("#start", "Enter");
  await key("nav a[href='#/takes']", "Enter");
  await one.locator(".take").first().waitFor(WAIT);
  await key(".take[href$=spoiled]", "Enter");
  await one.locator("#why-frame", { hasText: "frame" }).waitFor(WAIT);
  const frame = async () => Number(/frame (\d+)/.exec(await one.locator(".clock").textContent())[1]);
  seen.frames = [];
  for (const name of ["Home", "ArrowRight", "ArrowRight", "Shift+ArrowRight", "ArrowLeft", "End", "Shift+ArrowLeft"]) {
    await key(".timeline canvas", name);
    seen.frames.push(await frame());
  }
  await key(".timeline canvas", "Space");
  await one.waitForFunction(() => !document.querySelector("video").paused || document.querySelector("video").ended, null, WAIT);
  await key("#play", "Enter");
  await key(".chips .shape-chip", "Space");
  await key("#export", "Enter");
  await one.locator("[data-format=json]").waitFor(WAIT);
  await key("#export", "Enter");
  await one.goto(`${address}#/perform`);
  await key(".shelf button", "Enter");
  await key(".note", "ArrowRight");
  await key(".note", "+");
  seen.words = await one.locator("#words").inputValue();
  await key(".note", "Delete");
  seen.notes = await one.locator(".note").count();
  await one.goto(`${address}#/avatars`);
  await one.locator(".map-row").first().waitFor(WAIT);
  await key("#sweep", "Space");
  await one.locator(".sweep-name:not(:empty)").waitFor(WAIT);
  await key("#sweep", "Enter");
  await one.goto(`${address}#/calibrate`);
  await one.locator(".steps li").first().waitFor(WAIT);
  await key("select[aria-label=Camera]", "End");
  await key("#calibrate", "Space");
  await one.waitForTimeout(200);
  seen.sent = sent;
  await one.close();
}

/** The preset micro with the built-in clip, chosen and begun with the keyboard: its strip, and what is said of 30 frames a second. */
async function micro() {
  await page.goto(`${address}#/live`);
  await page.reload();
  await page.locator(".meter").first().waitFor(WAIT);
  await tabTo("summary");
  await press("Enter");
  await tabTo("select[name=preset]");
  await page.keyboard.type("micro");
  seen.preset = await page.locator("select[name=preset]").inputValue();
  await tabTo("#start", true);
  await press("Enter");
  await page.waitForFunction(() => window.mien.figures.shown >= 3, null, WAIT);
  await page.locator(".marks-card:visible").waitFor(WAIT);
  await page.locator(".warnings li", { hasText: "micro-expressions" }).first().waitFor(WAIT);
  seen.warnings = await page.locator(".warnings li").allTextContents();
  seen.strip = [await page.locator(".mark-strip").getAttribute("aria-label"), await page.locator(".marks-card h2").textContent(), await page.locator(".mark-list").textContent()];
  await page.screenshot({ path: `${folder}/micro.png` });
  await tabTo("#stop");
  await press("Space");
  await page.locator("#state[data-state=ended]").waitFor(WAIT);
}

await finished([everywhere, worked, micro], only, own, page, seen, folder);
