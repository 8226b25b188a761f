// What the scripts that drive the studio in a real browser share.
import { chromium } from "playwright-core";

export const WAIT = { timeout: Number(process.env.MIEN_TEST_WAIT_MS ?? 60_000) };
const ARGUMENTS = [
  "--no-sandbox", "--use-angle=gl-egl", "--ignore-gpu-blocklist", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** A browser of its own, with more arguments, and one context; `errors` collects what the pages of `opened` complain about. */
export async function started(executablePath, more = {}, args = []) {
  const browser = await chromium.launch({ executablePath, args: [...ARGUMENTS, ...args] });
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, ...more });
  context.setDefaultTimeout(WAIT.timeout);
  const errors = [];
  const opened = async () => {
    const page = await context.newPage();
    page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
    page.on("pageerror", (e) => errors.push(e.message));
    return page;
  };
  return { browser, context, errors, opened };
}

/** Runs parts one after the other, prints what was seen as one JSON object and ends; a failure leaves a picture. */
export async function finished(parts, only, { browser, errors }, page, seen, folder) {
  let failure = null;
  const tookS = {};
  for (const part of parts.filter((p) => !only.length || only.includes(p.name))) {
    const began = performance.now();
    try {
      await part();
    } catch (error) {
      failure = `${part.name}: ${error.message}`;
      await page.screenshot({ path: `${folder}/failed.png` }).catch(() => undefined);
      break;
    }
    tookS[part.name] = Math.round(performance.now() - began) / 1000;
  }
  await browser.close();
  console.log(JSON.stringify({ ...seen, tookS, errors, failure }));
  process.exit(failure ? 1 : 0);
}
