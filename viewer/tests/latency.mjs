// How long a frame takes from its capture to the pixels of the character, and how often the character is drawn:
// node viewer/tests/latency.mjs ADDRESS CHROMIUM SECONDS PAGES PRESET ANGLE. Prints one JSON object a page. Without a
// preset nothing is started: frames come by themselves.
import { chromium } from "playwright-core";

const [address, executablePath, seconds, pages, preset, angle] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox", `--use-angle=${angle}`, "--ignore-gpu-blocklist", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const open = [];
for (let k = 0; k < Number(pages); k++) {
  // The stage of a window of this size shows the character at about 640 × 480.
  const context = await browser.newContext({ viewport: { width: 1740, height: 830 } });
  const page = await context.newPage();
  await page.goto(`${address}#/live`, { timeout: 120_000 });
  open.push(page);
}
if (preset) {
  await open[0].locator("summary", { hasText: "Settings" }).click();
  await open[0].locator("select[name=preset]").selectOption(preset);
  await open[0].locator("#start").click();
}
for (const page of open) await page.waitForFunction(() => window.mien.figures.shown > 20, null, { timeout: 240_000 });
for (const page of open) await page.evaluate(() => window.mien.figures.latenciesMs.splice(0));
const figures = () => Promise.all(open.map((p) => p.evaluate(() => ({ ...window.mien.figures, at: performance.now() }))));
const before = await figures();
await open[0].waitForTimeout(1000 * Number(seconds));
for (const [k, found] of (await figures()).entries()) {
  const [size, pixels] = await open[k].evaluate(() => {
    const canvas = document.querySelector(".character-pane canvas");
    const box = canvas.getBoundingClientRect();
    return [[Math.round(box.width), Math.round(box.height)], canvas.width];
  });
  const passed = (found.at - before[k].at) / 1000;
  const drawnPerSecond = (found.drawn - before[k].drawn) / passed;
  console.log(JSON.stringify({ ...found, size, pixels, drawnPerSecond, perSecond: (found.shown - before[k].shown) / passed }));
}
await browser.close();
