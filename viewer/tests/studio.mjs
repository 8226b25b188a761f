// The whole studio in a real browser: node viewer/tests/studio.mjs ADDRESS CHROMIUM CHARACTER.glb FOLDER [PART ...]
// The browser's camera plays FOLDER/camera.mjpeg. Prints one JSON object with what was seen; any failure ends with an error and a picture in FOLDER.
import { readFile } from "node:fs/promises";
import { WAIT, finished, started } from "./browser.mjs";

const [address, executablePath, character, folder, ...only] = process.argv.slice(2);
const camera = [
  "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
  `--use-file-for-fake-video-capture=${folder}/camera.mjpeg`,
];
const { browser, context, errors, opened } = await started(executablePath, { acceptDownloads: true }, camera);
const page = await opened();
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
  await page.locator(".moods:visible .mood.most").waitFor(WAIT);
  seen.moods = await page.locator(".mood:not(.unknown)").count();
  await page.evaluate(() => document.querySelector("#privacy").click());
  await page.waitForFunction(() => window.mien.figures.pictures === 0, null, WAIT); // the server has said so
  const before = await page.evaluate(() => window.mien.figures.shown);
  await page.waitForFunction((n) => window.mien.figures.shown >= n + 3, before, WAIT);
  seen.pictureInPrivate = await page.evaluate(() => window.mien.figures.pictures);
  await page.evaluate(() => document.querySelector("#privacy").click());
  await page.locator("#stop").click();
  await page.locator("#state[data-state=ended]").waitFor(WAIT);
}

/** The browser's camera, through getUserMedia and the WebSocket. */
async function browser_camera() {
  await page.goto(`${address}#/live`);
  await page.reload(); // figures of its own
  await page.locator("#source").selectOption("browser");
  await page.locator("#start").click();
  await page.waitForFunction(() => window.mien.figures.shown >= 5 && document.querySelectorAll(".meter:not(.unknown)").length > 10, null, WAIT);
  seen.camera = [await page.locator("#state").textContent(), await drawn(".picture-pane canvas")];
  await page.locator("#stop").click();
  await page.locator("#state[data-state=ended]").waitFor(WAIT);
}

/** The connection breaks while a take is open: it comes back, and the take is as it was. */
async function reconnect() {
  const one = await opened();
  let wire = null;
  let connections = 0;
  await one.routeWebSocket(/\/ws/, (ws) => {
    connections += 1;
    wire = ws;
    ws.connectToServer();
  });
  await one.goto(`${address}#/takes`);
  await one.locator(".take", { hasText: "one" }).first().click();
  await one.locator(".history li").first().waitFor(WAIT);
  const before = await one.locator(".history li").allTextContents();
  await wire.close({ code: 1001 });
  await one.locator("body.offline").waitFor(WAIT);
  await one.locator("body:not(.offline)").waitFor(WAIT);
  seen.connections = connections;
  seen.kept = JSON.stringify(await one.locator(".history li").allTextContents()) === JSON.stringify(before);
  await one.close();
}

/** The colour of the corner of the character's pane, which is to be that of the page: red, green, blue. */
async function corner(one) {
  await one.waitForTimeout(1000);
  const png = (await one.locator(".character-pane canvas").screenshot()).toString("base64");
  return one.evaluate(async (data) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
    const c = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    c.drawImage(bitmap, 0, 0);
    return [...c.getImageData(4, 4, 1, 1).data.slice(0, 3)];
  }, png);
}

/** Every page on a phone and on a small laptop, light and dark: nothing sticks out at the side. */
async function fits() {
  seen.sticksOut = [];
  const one = await opened();
  for (const [width, height, colorScheme] of [[390, 844, "light"], [1366, 768, "dark"]]) {
    await one.setViewportSize({ width, height });
    await one.emulateMedia({ colorScheme });
    for (const name of ["live", "takes", "perform", "avatars", "calibrate", "take"]) {
      await one.goto(`${address}#/${name === "take" ? "takes" : name}`);
      if (name === "take") await one.locator(".take", { hasText: "one" }).first().click();
      await one.locator({ live: ".meter", takes: ".take", perform: ".shelf button", avatars: ".map-row", calibrate: ".steps li", take: ".history li" }[name]).first().waitFor(WAIT);
      const out = await one.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (name === "take" && colorScheme === "dark") seen.dark = await corner(one);
      if (out > 0) seen.sticksOut.push([name, width, out]);
      await one.screenshot({ path: `${folder}/${name}-${width}.png` });
    }
  }
  await one.close();
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

/** VRM files of both versions are dropped from another window, and swept. */
async function vrm() {
  await page.goto(`${address}#/avatars`);
  await page.locator(".map-row").first().waitFor(WAIT);
  seen.vrm = [];
  for (const name of ["zero.vrm", "one.vrm"]) {
    const data = (await readFile(`${folder}/${name}`)).toString("base64");
    const dropped = await page.evaluateHandle(([name, data]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name));
      return transfer;
    }, [name, data]);
    await page.dispatchEvent(".drop", "drop", { dataTransfer: dropped });
    await page.locator(".avatar-name[aria-selected=true]", { hasText: name }).waitFor(WAIT);
    await page.locator("#sweep").click();
    await page.locator(".sweep-name:not(:empty)").waitFor(WAIT);
    await page.locator("#sweep").click();
    await page.waitForTimeout(500);
    await page.screenshot({ path: `${folder}/${name}.png` });
    seen.vrm.push([await page.locator("small", { hasText: "MB" }).first().textContent(), await drawn("canvas.character")]);
  }
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

/** A curve is drawn twice before the first change has come back; and what would set every shape is refused. */
async function quick_hands() {
  await page.goto(`${address}#/takes`);
  await page.locator(".take").first().click();
  await page.locator(".shape-chip[aria-pressed=true]").first().waitFor(WAIT);
  const kept = [];
  await page.route("**/api/takes/edits*", (route) => (route.request().method() === "PUT" ? kept.push(() => route.continue()) : route.continue()));
  const canvas = page.locator(".timeline canvas");
  const said = async () => Number((await canvas.getAttribute("aria-valuetext")).split(" ").at(-1));
  const before = await page.locator(".history li:not(.undone)").count();
  const box = await canvas.boundingBox();
  const lanes = await page.locator(".shape-chip[aria-pressed=true]").allTextContents();
  const x = box.x + 118 + (box.width - 118) / 2;
  const at = (value) => box.y + 24 + lanes.indexOf("jawOpen") * 58 + 53 - value * 47;
  await page.mouse.click(x, box.y + 12); // the ruler: go there
  await canvas.focus();
  for (let k = 0; k < lanes.indexOf("jawOpen"); k++) await page.keyboard.press("PageDown");
  const value = await said();
  for (const [from, to] of [[value, value - 0.3], [value - 0.3, value - 0.2]]) {
    await page.mouse.move(x, at(from));
    await page.mouse.down();
    await page.mouse.move(x, at(to), { steps: 4 });
    await page.mouse.up();
  }
  const pending = await said();
  for (const until = Date.now() + WAIT.timeout; (await page.locator(".history li:not(.undone)").count()) < before + 2; ) {
    if (Date.now() > until) throw new Error(`the two changes were not made; ${value}, then ${pending}`);
    await page.waitForTimeout(100);
    kept.splice(0).forEach((go) => go());
  }
  await page.waitForTimeout(300);
  seen.quick = [pending - value, (await said()) - value];
  seen.quickHistory = (await page.locator(".history li").allTextContents()).slice(-2);
  await page.unroute("**/api/takes/edits*");
  await page.evaluate(() => document.querySelectorAll(".timeline-card .shape-chip[aria-pressed=true]").forEach((chip) => chip.click()));
  await page.locator("#do-set").click();
  seen.refusedSet = await page.locator(".toast.error").last().textContent();
  await page.waitForTimeout(500);
  seen.quickCount = (await page.locator(".history li").count()) - before;
}

/** Orders that the server does not follow: the pages say so and show what is so. Marks of a server that ended go. */
async function refused() {
  const one = await opened();
  const refuse = new Set(["calibrate", "start", "privacy"]);
  const last = {};
  let wire = null;
  await one.routeWebSocket(/\/ws/, (ws) => {
    wire = ws;
    const server = ws.connectToServer();
    ws.onMessage((m) => {
      const { type } = typeof m === "string" ? JSON.parse(m) : {};
      if (!refuse.has(type)) return server.send(m);
      ws.send(JSON.stringify({ type: "problem", what: `${type}: too many orders` }));
      ws.send(last.session);
    });
    server.onMessage((m) => {
      if (typeof m === "string") last[JSON.parse(m).type] = m;
      ws.send(m);
    });
  });
  const toast = (words) => one.locator(".toast.error", { hasText: words }).first().waitFor(WAIT);
  await one.goto(`${address}#/calibrate`);
  await one.locator(".steps li").first().waitFor(WAIT);
  await one.locator("select[aria-label=Camera]").selectOption("demo");
  await one.locator("#calibrate").click();
  await toast("calibrate: too many orders");
  seen.notBegun = await one.locator(".guide-words").textContent();
  seen.canBegin = [await one.locator("#calibrate").isEnabled(), await one.locator("#stop-early").isEnabled()];
  await one.screenshot({ path: `${folder}/refused.png` });
  await one.goto(`${address}#/live`);
  await one.locator("#privacy").click();
  await toast("privacy: too many orders");
  seen.privacyRefused = await one.locator("#privacy").isChecked();
  refuse.clear();
  const answered = one.waitForFunction(() => document.querySelector("#privacy").checked, null, WAIT);
  await one.locator("#privacy").click();
  await answered;
  await one.locator("#privacy").click();
  await one.waitForFunction(() => !document.querySelector("#privacy").checked, null, WAIT);
  const mark = { number: 1, kind: "micro", track_id: 1, onset_ms: 1, apex_ms: 2, offset_ms: 3, decided_ms: 4, confidence: 0.5, action_units: ["AU12"], emotion: null };
  wire.send(JSON.stringify({ type: "marks", watched: true, began_ms: 1, counts: { micro: 1 }, newest: [mark] }));
  await one.locator(".marks-card:visible .mark-list li").first().waitFor(WAIT);
  wire.send(last.hello);
  await one.locator(".marks-card").waitFor({ state: "hidden", ...WAIT });
  seen.marksGone = await one.locator(".mark-list li").count();
  await one.close();
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
  await page.locator("#stop-early").click({ timeout: 3000 }).catch(() => undefined); // or the clip has ended by itself
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

const parts = [vrm, avatars, edit, quick_hands, perform, live, browser_camera, calibrate, refused, reconnect, fits];
await finished(parts, only, { browser, errors }, page, seen, folder);
