// Pictures of every page, to be compared with those that are kept:
// node viewer/tests/looks.mjs ADDRESS CHROMIUM FOLDER [PART ...]. The studio has the take "spoiled" of tests/studio/spoiled.py.
// What would differ from one machine to the next is held: the frame of a live run, rates and times, language, who draws.
import { WAIT, finished, started } from "./browser.mjs";

const [address, executablePath, folder, ...only] = process.argv.slice(2);
const NUMBER_BYTE = 24; // src/mien/studio/wire.py: the number of the frame in its source
const [LOOP, SMILES, STILL] = [270, 28, 42]; // frames of the built-in clip: its performance, and where it smiles and rests
const own = await started(executablePath, { locale: "en-GB", timezoneId: "UTC", colorScheme: "light" });
await own.context.addInitScript(() => {
  // Pages look as where the processor draws, whoever does, and none of their pictures seems to be late.
  const asked = WebGL2RenderingContext.prototype.getParameter;
  WebGL2RenderingContext.prototype.getParameter = function (name) {
    return name === 0x9246 ? "llvmpipe" : asked.call(this, name); // UNMASKED_RENDERER_WEBGL
  };
  const next = requestAnimationFrame.bind(window);
  let [seenMs, toldMs] = [-1, performance.now()];
  window.requestAnimationFrame = (draw) =>
    next((now) => {
      if (now !== seenMs) [seenMs, toldMs] = [now, toldMs + 33];
      draw(toldMs);
    });
});
if (process.env.MIEN_TEST_STYLE) {
  await own.context.addInitScript((style) => {
    addEventListener("DOMContentLoaded", () => document.head.append(Object.assign(document.createElement("style"), { textContent: style })));
  }, process.env.MIEN_TEST_STYLE);
}
const page = await own.opened();
const seen = { looks: {} };
let held = false;
await page.routeWebSocket(/\/ws/, (ws) => {
  const server = ws.connectToServer();
  ws.onMessage((m) => server.send(m));
  server.onMessage((m) => {
    if (typeof m === "string") {
      if (JSON.parse(m).type !== "status") ws.send(m);
    } else if (!held) {
      const at = m.readUInt32LE(NUMBER_BYTE) % LOOP;
      held = at >= SMILES && at <= STILL;
      ws.send(m);
    }
  });
});

/** Of a video at rest Chromium without a screen sometimes shows the frame before: draw it anew. */
async function showVideo() {
  await page.evaluate(async () => {
    for (const video of document.querySelectorAll("video")) {
      video.style.display = "none";
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      video.style.display = "";
    }
  });
}

/** Keep the page as it is once it has come to rest, and where the character is in it. */
async function keep(name, restMs = 1200) {
  await page.waitForTimeout(restMs);
  await showVideo();
  const mask = [page.locator(".readout"), page.locator("#toasts"), page.locator(".server")];
  await page.screenshot({ path: `${folder}/${name}.png`, animations: "disabled", mask, maskColor: "#808080" });
  const pane = page.locator(".character-pane");
  const box = (await pane.count()) ? await pane.first().boundingBox() : null;
  seen.looks[name] = box ? [box.x, box.y, box.width, box.height].map(Math.round) : null;
}

async function open(name, ready) {
  await page.mouse.move(0, 767);
  await page.goto(`${address}#/${name}`);
  await page.locator(ready).first().waitFor(WAIT);
}

async function takes() {
  await open("takes", ".take");
  await keep("takes", 300);
}

async function editor() {
  await open("takes/spoiled", "#why-frame:not(:empty)");
  const canvas = page.locator(".timeline canvas");
  for (const key of ["Home", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "ArrowRight"]) await canvas.press(key);
  await page.locator("#why-frame", { hasText: "frame 31" }).waitFor(WAIT);
  await keep("editor");
  await page.emulateMedia({ colorScheme: "dark" });
  await keep("editor-dark");
}

async function avatars() {
  await page.emulateMedia({ colorScheme: "light" });
  await open("avatars", ".map-row");
  await page.locator(".map-row", { hasText: "cheekPuff" }).hover();
  await keep("avatars", 2000);
}

async function perform() {
  await open("perform", ".shelf button");
  await page.locator("#words").fill("");
  for (const what of ["happiness", "surprise"]) await page.locator(".shelf button", { hasText: what }).first().click();
  await page.evaluate(() => document.activeElement.blur());
  await keep("perform", 300);
}

async function calibrate() {
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 1600, height: 900 }); // the steps fit one line, whatever the font
  await open("calibrate", ".steps li");
  await keep("calibrate-dark");
  await page.setViewportSize({ width: 1366, height: 768 });
}

async function live() {
  await page.emulateMedia({ colorScheme: "light" });
  await open("live", ".meter");
  await page.locator(".check", { hasText: "Box" }).click(); // its colour and number are other ones where a busy machine loses the face
  await page.locator("#start").click();
  for (const until = Date.now() + WAIT.timeout; !held; await page.waitForTimeout(50)) {
    if (Date.now() > until) throw new Error("the built-in clip never smiled");
  }
  await page.mouse.move(0, 767);
  await keep("live", 1500);
  await page.locator("#stop").click();
  await page.locator("#state[data-state=ended]").waitFor(WAIT);
}

await finished([takes, editor, avatars, perform, calibrate, live], only, own, page, seen, folder);
