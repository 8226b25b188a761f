// Every operation of the take editor, zoom, scrubbing, and the video in step, in a real browser:
// node viewer/tests/editing.mjs ADDRESS CHROMIUM FOLDER [PART ...]. The studio has the take "spoiled" of tests/studio/spoiled.py.
import { WAIT, finished, started } from "./browser.mjs";

const [address, executablePath, folder, ...only] = process.argv.slice(2);
const LABEL_PX = 118; // names at the left of the time line
const ROWS = 100; // of the take, 25 a second
const BITS = 7; // of a frame's number in the video
const own = await started(executablePath);
const page = await own.opened();
const seen = {};
const canvas = page.locator(".timeline canvas");

async function open() {
  await page.goto(`${address}#/takes/spoiled`);
  await page.locator("#why-frame", { hasText: "frame" }).waitFor(WAIT);
  await canvas.focus();
}

/** Quick hands: the next key is pressed before the page has dealt with the last. */
const press = (key, times = 1) => Promise.all(Array.from({ length: times }, () => page.keyboard.press(key)));

/** Go to a frame: into the ruler, where the whole take is seen. */
async function go(row) {
  const box = await canvas.boundingBox();
  await page.mouse.click(box.x + LABEL_PX + ((box.width - LABEL_PX) * (row + 0.3)) / (ROWS - 1), box.y + 12);
}

let lane = 0; // that the keyboard moves

/** What the time line says of a curve at a frame: a number, or null = not measured. */
async function value(shape, row) {
  await go(row);
  const wanted = (await page.locator(".chips[aria-label='Curves shown'] [aria-pressed=true]").allTextContents()).indexOf(shape);
  await press(wanted < lane ? "PageUp" : "PageDown", Math.abs(wanted - lane));
  lane = wanted;
  const [at, words] = (await canvas.getAttribute("aria-valuetext")).split(", ");
  if (!words.startsWith(shape) || Math.floor(parseFloat(at) * 25) !== row) throw new Error(`${shape} at ${row} was asked for, and the time line speaks of ${words} at ${at}`);
  const last = words.split(" ").at(-1);
  return last === "measured" ? null : Number(last);
}

async function select(from, to) {
  await go(from);
  await press("Escape");
  await press("[");
  await go(to);
  await press("]");
}

const done = (count) => page.waitForFunction((n) => document.querySelectorAll(".history li:not(.undone)").length === n, count, WAIT);

/** A button, then undo, redo and undo again: the words of the operation, and the probes at each stage. */
async function operation(id, probes, { span, number } = {}) {
  const look = async (count = 1) => {
    const found = [];
    for (const [shape, row] of probes.slice(0, count)) found.push(await value(shape, row));
    return found;
  };
  const before = await look(probes.length);
  if (span) await select(...span);
  if (number !== undefined) await page.locator(`.operation:has(#do-${id}) input`).fill(String(number));
  await page.locator(`#do-${id}`).press("Enter");
  await done(1);
  const after = await look(probes.length);
  const said = (await page.locator(".history li").allTextContents())[0];
  await press("Control+z");
  await done(0);
  const undone = await look();
  await press("Control+Shift+Z");
  await done(1);
  const redone = await look();
  await page.locator("#undo").click();
  await done(0);
  await canvas.focus();
  await press("Escape");
  seen.operations[id] = { before, after, undone, redone, said };
}

async function operations() {
  seen.operations = {};
  await open();
  await press("PageUp", 4);
  await operation("despike", [["jawOpen", 20], ["jawOpen", 10]]);
  await operation("fill", [["jawOpen", 42]]);
  await operation("smooth", [["browInnerUp", 70], ["browInnerUp", 20]], { span: [60, 80] });
  await operation("gain", [["jawOpen", 60], ["jawOpen", 10]], { span: [50, 70], number: 1.4 });
  await operation("reduce", [["mouthSmileLeft", 31]], { number: 0.05 });
  await operation("mirror", [["mouthSmileLeft", 50]]);
  await operation("trim", [["jawOpen", 10], ["jawOpen", 70], ["jawOpen", 95]], { span: [50, 90] });
  await page.locator("#do-trim").click();
  seen.refusedTrim = await page.locator(".toast.error").last().textContent();
}

const time = async () => Number(await canvas.getAttribute("aria-valuenow"));
const clock = async () => Number(/frame (\d+)/.exec(await page.locator(".clock").textContent())[1]);

/** Where the ruler is clicked tells which part of the take is seen. */
async function zoomed() {
  await open();
  const box = await canvas.boundingBox();
  const x = (share) => box.x + LABEL_PX + (box.width - LABEL_PX) * share;
  const at = async (share) => {
    await page.mouse.click(x(share), box.y + 12);
    return time();
  };
  const ends = async () => [await at(0.02), await at(0.98)];
  seen.zoom = { whole: await ends() };
  await at(0.5);
  for (let k = 0; k < 2; k++) await page.locator("button", { hasText: "Zoom +" }).click();
  seen.zoom.buttons = await ends();
  await at(0.5);
  await page.mouse.move(x(0.5), box.y + 40);
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -200);
  await page.keyboard.up("Control");
  seen.zoom.wheel = await ends();
  await page.mouse.move(x(0.5), box.y + 40);
  await page.keyboard.down("Shift");
  await page.mouse.wheel(0, 400);
  await page.keyboard.up("Shift");
  seen.zoom.moved = await ends();
  await canvas.focus();
  await press("-", 8);
  seen.zoom.back = await ends();
  seen.scrub = [];
  await page.mouse.move(x(0.2), box.y + 12);
  await page.mouse.down();
  for (const share of [0.3, 0.5, 0.8, 0.6]) {
    await page.mouse.move(x(share), box.y + 12, { steps: 3 });
    await page.waitForFunction(() => !document.querySelector("video").seeking, null, WAIT);
    seen.scrub.push([await time(), await clock(), await page.locator("video").evaluate((v) => v.currentTime)]);
  }
  await page.mouse.up();
}

/** The number that the video shows now. */
const shownNumber = (bits) => {
  const c = new OffscreenCanvas(bits, 1).getContext("2d");
  const video = document.querySelector("video");
  c.drawImage(video, 0, 40, video.videoWidth - (video.videoWidth % bits), 20, 0, 0, bits, 1);
  return [...c.getImageData(0, 0, bits, 1).data].filter((_, k) => k % 4 === 0).reduce((sum, v) => 2 * sum + (v > 127), 0);
};

/** Frame of the character, time of the video and number in its picture: at rest, and while both play. */
async function in_step() {
  await open();
  seen.still = [];
  for (const row of [0, 7, 31, 41, 99]) {
    await press("Home");
    await press("Shift+ArrowRight", Math.floor(row / 10));
    await press("ArrowRight", row % 10);
    await page.waitForFunction(() => !document.querySelector("video").seeking, null, WAIT);
    await page.waitForTimeout(150);
    seen.still.push([row, await clock(), await page.evaluate(shownNumber, BITS)]);
  }
  await press("Home");
  await page.evaluate(
    ([source, bits]) => {
      const shown = new Function(`return (${source})`)();
      const video = document.querySelector("video");
      window.steps = [];
      const look = () => {
        const frame = Number(/frame (\d+)/.exec(document.querySelector(".clock").textContent)[1]);
        if (!video.paused) window.steps.push([frame, video.currentTime, shown(bits)]);
        setTimeout(look, 60);
      };
      look();
    },
    [shownNumber.toString(), BITS],
  );
  await page.locator("#play").press("Space");
  await page.waitForFunction(() => window.steps.length >= 12, null, WAIT);
  await page.locator("#play").press("Enter");
  seen.steps = await page.evaluate(() => window.steps);
  seen.paused = await page.locator("video").evaluate((v) => v.paused);
}

await finished([operations, zoomed, in_step], only, own, page, seen, folder);
