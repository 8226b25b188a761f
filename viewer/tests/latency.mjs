// How long a frame takes from its capture to the pixels of the character, and how often the character is drawn:
// node viewer/tests/latency.mjs ADDRESS CHROMIUM SECONDS PAGES PRESET. Prints one JSON object a page.
import { chromium } from "playwright-core";

const [address, executablePath, seconds, pages, preset] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox", "--use-angle=gl-egl", "--ignore-gpu-blocklist", "--disable-quic", "--no-first-run",
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
await open[0].locator("summary", { hasText: "Settings" }).click();
await open[0].locator("select[name=preset]").selectOption(preset);
await open[0].locator("#start").click();
for (const page of open) await page.waitForFunction(() => window.mien.figures.shown > 20, null, { timeout: 240_000 });
for (const page of open) await page.evaluate(() => window.mien.figures.latenciesMs.splice(0));
const before = await Promise.all(open.map((p) => p.evaluate(() => window.mien.figures.shown)));
await open[0].waitForTimeout(1000 * Number(seconds));
for (const [k, page] of open.entries()) {
  const found = await page.evaluate(() => {
    const box = document.querySelector(".character-pane canvas").getBoundingClientRect();
    return { ...window.mien.figures, size: [Math.round(box.width), Math.round(box.height)] };
  });
  console.log(JSON.stringify({ ...found, perSecond: (found.shown - before[k]) / Number(seconds) }));
}
await browser.close();
