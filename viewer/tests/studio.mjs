// The whole studio in a real browser: node viewer/tests/studio.mjs ADDRESS CHROMIUM CHARACTER.glb FOLDER
// Prints one JSON object with what was seen; any failure ends with an error and a picture in FOLDER.
import { chromium } from "playwright-core";

const [address, executablePath, character, folder] = process.argv.slice(2);
const WAIT = { timeout: Number(process.env.MIEN_TEST_WAIT_MS ?? 60_000) };
const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox", "--use-angle=gl-egl", "--ignore-gpu-blocklist", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
  ],
});
const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, acceptDownloads: true });
context.setDefaultTimeout(WAIT.timeout);
const page = await context.newPage();
const errors = [];
page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
page.on("pageerror", (e) => errors.push(e.message));
const seen = {};

/** Share of the pixels of an element's picture that differ from its corner: 0 = nothing is drawn. */
async function drawn(selector) {
  const png = (await page.locator(selector).first().screenshot()).toString("base64");
  return page.evaluate(async (data) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const c = canvas.getContext("2d");
    c.drawImage(bitmap, 0, 0);
    const p = c.getImageData(0, 0, bitmap.width, bitmap.height).data;
    let other = 0;
    for (let i = 0; i < p.length; i += 4) {
      other += Math.abs(p[i] - p[0]) + Math.abs(p[i + 1] - p[1]) + Math.abs(p[i + 2] - p[2]) > 60;
    }
    return other / (p.length / 4);
  }, png);
}

async function live() {
  await page.goto(`${address}#/live`);
  await page.locator("summary", { hasText: "Settings" }).click();
  await page.locator("select[name=preset]").selectOption("fast");
  await page.locator("#start").click();
  await page.waitForFunction(() => window.mien.figures.shown >= 3, null, WAIT);
  seen.state = await page.locator("#state").textContent();
  seen.picture = await drawn(".picture-pane canvas");
  seen.character = await drawn(".character-pane canvas");
  seen.units = await page.locator(".meter:not(.unknown)").count();
  await page.evaluate(() => document.querySelector("#privacy").click());
  await page.waitForFunction(() => window.mien.figures.pictures === 0, null, WAIT); // the server has said so
  const before = await page.evaluate(() => window.mien.figures.shown);
  await page.waitForFunction((n) => window.mien.figures.shown >= n + 3, before, WAIT);
  seen.pictureInPrivate = await page.evaluate(() => window.mien.figures.pictures);
  await page.evaluate(() => document.querySelector("#privacy").click());
  await page.locator("#stop").click();
  await page.locator("#state[data-state=ended]").waitFor(WAIT);
}

async function avatars() {
  await page.goto(`${address}#/avatars`);
  await page.locator(".map-row").first().waitFor(WAIT);
  await page.locator("#file").setInputFiles(character);
  await page.locator(".avatar-name[aria-selected=true]", { hasText: ".glb" }).waitFor(WAIT);
  seen.report = await page.locator(".report .figures b").first().textContent();
  await page.locator(".map-row input").nth(1).fill("0.5 jawOpen");
  await page.locator(".map-row input").nth(1).press("Enter");
  await page.locator("#save-mapping:enabled").click();
  await page.locator("#save-mapping:disabled").waitFor(WAIT);
  await page.locator("#use").click();
}

/** A curve is drawn up with the mouse, undone, and moved with the keyboard; an event shows its units. */
async function drawn_by_hand() {
  const canvas = page.locator(".timeline canvas");
  const said = async () => Number((await canvas.getAttribute("aria-valuetext")).split(" ").at(-1));
  const history = () => page.locator(".history li").allTextContents();
  const operations = async (count) => page.waitForFunction((n) => document.querySelectorAll(".history li").length === n, count, WAIT);
  const box = await canvas.boundingBox();
  const lanes = await page.locator(".shape-chip[aria-pressed=true]").allTextContents();
  // The jaw is at 0.6 in the middle of the take: 118 px of names, 24 px of ruler, lanes of 58 px.
  const x = box.x + 118 + (box.width - 118) / 2;
  const y = box.y + 24 + lanes.indexOf("jawOpen") * 58 + 53 - 0.6 * 47;
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x, y - 5, { steps: 2 });
  await page.mouse.move(x, y - 0.3 * 47, { steps: 4 });
  seen.preview = await said();
  await page.screenshot({ path: `${folder}/drawn.png` });
  await page.mouse.up();
  await operations(2);
  seen.drawn = (await history())[1];
  await page.waitForTimeout(300);
  seen.after = await said();
  await page.keyboard.press("Control+z");
  await page.locator(".history li.undone").waitFor(WAIT);
  await page.waitForFunction(() => Number(document.querySelector(".timeline canvas").getAttribute("aria-valuetext").split(" ").at(-1)) < 0.7, null, WAIT);
  await canvas.focus();
  for (const key of ["ArrowUp", "ArrowUp", "Shift+ArrowDown", "Enter"]) await page.keyboard.press(key);
  await page.locator(".history li:not(.undone)", { hasText: "Move by" }).waitFor(WAIT);
  seen.keyed = (await history())[1];
  await page.keyboard.press("Control+z");
  await page.locator(".history li.undone").waitFor(WAIT);
  await page.locator(".events .shape-chip").click();
  seen.evidence = await page.locator("#evidence tbody tr").allTextContents();
  await page.screenshot({ path: `${folder}/event.png` });
  await page.locator(".events .shape-chip").click();
  await canvas.press("Home");
  await canvas.press("ArrowRight");
  await page.locator("#do-gain").click(); // what was undone is given up
  await page.keyboard.press("Control+z"); // at once: changes are made one after the other
  await page.locator(".history li.undone", { hasText: "Gain" }).waitFor(WAIT);
}

async function edit() {
  await page.goto(`${address}#/takes`);
  await page.locator(".take").first().click();
  await page.locator("#do-gain").click();
  await page.locator(".history li").waitFor(WAIT);
  await page.keyboard.press("Control+z");
  await page.locator(".history li.undone").waitFor(WAIT);
  await page.keyboard.press("Control+Shift+Z");
  await page.locator(".history li:not(.undone)").waitFor(WAIT);
  await page.locator(".timeline canvas").press("ArrowRight");
  await page.locator("#why-frame", { hasText: "frame 1" }).waitFor(WAIT);
  await drawn_by_hand();
  await page.locator("#export").click();
  const [file] = await Promise.all([page.waitForEvent("download", WAIT), page.locator("[data-format=json]").click()]);
  await file.saveAs(`${folder}/exported.json`);
  await page.reload();
  await page.locator(".history li:not(.undone)").waitFor(WAIT);
  seen.history = await page.locator(".history li").allTextContents();
  await page.goto(`${address}#/avatars`);
  await page.locator(".avatar-name[aria-selected=true]", { hasText: ".glb" }).waitFor(WAIT);
  seen.mapping = await page.locator(".map-row input").nth(1).inputValue();
}

async function calibrate() {
  await page.goto(`${address}#/calibrate`);
  await page.locator(".steps li").first().waitFor(WAIT);
  seen.steps = await page.locator(".steps li").count();
  const bars = () => page.evaluate(() => [...document.querySelectorAll(".compare-row output")].filter((o) => o.textContent !== "").length);
  await page.locator("select[aria-label=Camera]").selectOption("demo");
  await page.locator("#calibrate").click();
  await page.locator(".compare-row output:not(:empty)").first().waitFor(WAIT);
  seen.asRead = await bars();
  await page.waitForTimeout(6000); // enough of a face to fit a profile
  await page.locator("button", { hasText: "Stop early" }).click();
  await page.locator("#try").click();
  await page.locator(".compare-row output", { hasText: "→" }).first().waitFor(WAIT);
  seen.compared = await page.locator(".compare-row output").first().textContent();
  await page.locator(".segments label", { hasText: "as read" }).click();
  await page.locator(".compare-row.differs").first().waitFor(WAIT);
  seen.differs = await page.locator(".compare-row.differs").count();
  await page.locator("button", { hasText: "Stop early" }).click();
}

async function perform() {
  await page.goto(`${address}#/perform`);
  await page.locator(".shelf button", { hasText: "happiness" }).click();
  await page.locator(".note").press("ArrowRight");
  await page.locator(".note").press("ArrowUp");
  await page.locator(".shelf button", { hasText: "surprise" }).dragTo(page.locator(".score-line"), { targetPosition: { x: 400, y: 20 } });
  seen.words = await page.locator("#words").inputValue();
  await page.locator("#seconds").fill("4");
  await page.screenshot({ path: `${folder}/perform.png` });
  await page.locator("#perform").click();
  await page.locator("#open-take").click();
  await page.locator(".timeline canvas").waitFor(WAIT);
}

let failure = null;
for (const part of [avatars, edit, perform, live, calibrate]) {
  try {
    await part();
  } catch (error) {
    failure = `${part.name}: ${error.message}`;
    await page.screenshot({ path: `${folder}/failed.png` }).catch(() => undefined);
    break;
  }
}
await browser.close();
console.log(JSON.stringify({ ...seen, errors, failure }));
process.exit(failure ? 1 : 0);
