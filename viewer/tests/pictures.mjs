// The pictures of docs/studio.md: node viewer/tests/pictures.mjs ADDRESS CHROMIUM FOLDER. The studio has one take, made
// of the built-in clip. Pages are shown as with a graphics card, and a live run is held at a smile.
import { chromium } from "playwright-core";

const [address, executablePath, folder] = process.argv.slice(2);
const WAIT = { timeout: 180_000 };
const SMILE_S = 1.2;
const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox", "--use-angle=gl-egl", "--ignore-gpu-blocklist", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, colorScheme: "light" });
context.setDefaultTimeout(WAIT.timeout);
await context.addInitScript(() => {
  // Nobody says that the processor draws, and no picture seems to be late: everything is drawn.
  const asked = WebGL2RenderingContext.prototype.getExtension;
  WebGL2RenderingContext.prototype.getExtension = function (name) {
    return name === "WEBGL_debug_renderer_info" ? null : asked.call(this, name);
  };
  const next = requestAnimationFrame.bind(window);
  let [seenMs, toldMs] = [-1, performance.now()];
  window.requestAnimationFrame = (draw) =>
    next((now) => {
      if (now !== seenMs) [seenMs, toldMs] = [now, toldMs + 16];
      draw(toldMs);
    });
});
const page = await context.newPage();

const HEAD_BYTES = 48; // src/mien/studio/wire.py: the weights come first
let [smile, seen, held] = [-1, 0, false];
await page.routeWebSocket(/\/ws/, (ws) => {
  const server = ws.connectToServer();
  ws.onMessage((m) => server.send(m));
  server.onMessage((m) => {
    if (typeof m === "string") {
      const { type, names } = JSON.parse(m);
      if (names) smile = names.shapes.indexOf("mouthSmileLeft");
      if (type !== "status") ws.send(m); // rates and times of these pages would not be true
    } else if (!held) {
      held = ++seen > 60 && m.readFloatLE(HEAD_BYTES + 4 * smile) > 0.85;
      ws.send(m);
    }
  });
});

/** Wait until pictures have come to rest, and keep what is seen. */
async function keep(name, height = 768) {
  await page.mouse.move(0, height - 1);
  await page.waitForTimeout(3000);
  await page.screenshot({ path: `${folder}/${name}.png`, clip: { x: 0, y: 0, width: 1366, height } });
}

async function live() {
  await page.goto(`${address}#/live`);
  await page.locator("#start").click();
  while (!held) await page.waitForTimeout(100);
  await keep("studio-live");
  await page.locator("#stop").click();
  await page.locator("#state[data-state=ended]").waitFor();
}

async function take() {
  await page.goto(`${address}#/takes`);
  await page.locator(".take").first().click();
  const canvas = page.locator(".timeline canvas");
  await page.locator("#why-frame").waitFor();
  const box = await canvas.boundingBox();
  const frames = Number((/(\d+) frames/.exec(await page.locator(".editor-head").textContent()) ?? [])[1]);
  await page.mouse.click(box.x + 118 + ((box.width - 118) * SMILE_S * 30) / frames, box.y + 12); // the ruler
  await keep("studio-take");
}

async function perform() {
  await page.goto(`${address}#/perform`);
  await page.locator("#words").fill("");
  await page.locator("#seconds").fill("4");
  await page.locator("#seconds").press("Tab");
  await page.locator(".shelf button", { hasText: "happiness" }).click();
  await page.locator(".note").press("ArrowUp");
  await page.locator(".shelf input").check();
  await page.locator(".shelf button", { hasText: "surprise" }).dragTo(page.locator(".score-line"), { targetPosition: { x: 600, y: 28 } });
  await page.locator("#perform").click();
  await page.locator("#open-take").waitFor();
  await keep("studio-perform", 690);
}

async function avatars() {
  await page.goto(`${address}#/avatars`);
  await page.locator(".map-row").first().waitFor();
  await page.locator(".map-row", { hasText: "cheekPuff" }).hover();
  await page.waitForTimeout(3000);
  await page.screenshot({ path: `${folder}/studio-avatars.png` });
}

try {
  for (const part of [live, take, perform, avatars]) await part();
} finally {
  await browser.close();
}
