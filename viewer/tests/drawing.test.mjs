// How often and how finely is drawn, and morph targets played by the page: node --test viewer/tests/drawing.test.mjs
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import test from "node:test";
import { BufferAttribute, BufferGeometry, Group, Mesh } from "three";
import { createServer } from "vite";

const vite = await createServer({
  root: fileURLToPath(new URL("..", import.meta.url)),
  logLevel: "error",
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
});
const { Pace, Quality } = await vite.ssrLoadModule("/src/pace.ts");
const { Morphs } = await vite.ssrLoadModule("/src/morphs.ts");
test.after(() => vite.close());

/** How many of the screen's pictures of a second are drawn. */
function drawnPerSecond(pace, screenHz, news = () => false) {
  let count = 0;
  for (let k = 0; k < 10 * screenHz; k++) count += pace.takes((1000 * k) / screenHz, news(k));
  return count / 10;
}

test("pictures come as often as is asked for, whatever the screen's rate", () => {
  for (const screenHz of [40, 60, 75, 144]) {
    const rate = drawnPerSecond(new Pace(32), screenHz);
    assert.ok(rate >= 30 && rate <= 33, `${rate} at ${screenHz} Hz`);
  }
  assert.equal(drawnPerSecond(new Pace(0), 60), 60);
});

test("what came late is made up for, but not after a pause", () => {
  const pace = new Pace(32);
  const taken = [0, 45, 64, 1000, 1017, 1033, 1050].map((t) => pace.takes(t));
  assert.deepEqual(taken, [true, true, true, true, false, true, false]);
});

test("news may come early, but not always", () => {
  const pace = new Pace(32);
  assert.deepEqual([0, 17, 34].map((t) => pace.takes(t, true)), [true, true, false]);
  const rate = drawnPerSecond(new Pace(32), 60, () => true);
  assert.ok(rate < 45, `${rate}`);
});

/** Pictures that come so far apart, for so many seconds. */
function play(quality, fromMs, deltaMs, seconds) {
  let now = fromMs;
  for (; now < fromMs + 1000 * seconds; now += deltaMs) quality.came(now, deltaMs);
  return now;
}

test("less is drawn where pictures come too slowly, and more again where there is time", () => {
  const quality = new Quality(32, 4);
  let now = play(quality, 0, 33.3, 10);
  assert.equal(quality.level, 0);
  now = play(quality, now, 60, 20);
  assert.equal(quality.level, 4, "no further than to the lowest");
  now = play(quality, now, 32, 60);
  assert.equal(quality.level, 0);
});

test("29 pictures a second are too few where 32 are due, and enough where the screen says when", () => {
  const [own, screen] = [new Quality(31, 4), new Quality(0, 6)];
  for (const quality of [own, screen]) play(quality, 0, 33.9, 6);
  assert.deepEqual([own.level, screen.level], [1, 0]);
});

test("pictures that come in turns early and late are in time", () => {
  const quality = new Quality(32, 4);
  for (let k = 0, now = 0; k < 3000; k++) quality.came((now += k % 12 ? 33.34 : 16.66), k % 12 ? 33.34 : 16.66);
  assert.equal(quality.level, 0);
});

test("what turned out to be too much is tried again less and less often", () => {
  const quality = new Quality(32, 4);
  let [now, changes, last] = [0, 0, 0];
  for (; now < 120_000; now += 32) {
    quality.came(now, quality.level === 0 ? 60 : 32);
    changes += quality.level !== last;
    last = quality.level;
  }
  assert.ok(changes < 12, `${changes} changes in two minutes`);
});

test("a page that was hidden was not slow", () => {
  const quality = new Quality(32, 4);
  for (let k = 0; k < 100; k++) quality.came(5000 * k, 5000);
  assert.equal(quality.level, 0);
});

/** A mesh of three vertices, the targets "a" (moves the first) and "b" (the last), seen twice. */
function twins() {
  const geometry = new BufferGeometry();
  const three = (...values) => new BufferAttribute(new Float32Array(values), 3);
  geometry.setAttribute("position", three(0, 0, 0, 1, 0, 0, 0, 1, 0));
  geometry.setAttribute("normal", three(0, 0, 1, 0, 0, 1, 0, 0, 1));
  geometry.morphTargetsRelative = true;
  geometry.morphAttributes.position = [three(1, 2, 3, 0, 0, 0, 0, 0, 0), three(0, 0, 0, 0, 0, 0, 4, 0, 0)];
  geometry.morphAttributes.normal = [three(0, 1, 0, 0, 0, 0, 0, 0, 0), three(0, 0, 0, 0, 0, 0, 0, 0, 0)];
  const meshes = [new Mesh(geometry), new Mesh(geometry)];
  return [new Group().add(...meshes), ...meshes];
}

test("the page plays morph targets as the shader would", () => {
  const [root, one, other] = twins();
  const morphs = new Morphs(root);
  one.morphTargetInfluences = [0.5, 0.25];
  morphs.play();
  assert.deepEqual([...one.geometry.attributes.position.array], [0.5, 1, 1.5, 1, 0, 0, 1, 1, 0]);
  assert.deepEqual([...one.geometry.attributes.normal.array], [0, 0.5, 1, 0, 0, 1, 0, 0, 1]);
  assert.deepEqual([...other.geometry.attributes.position.array], [0, 0, 0, 1, 0, 0, 0, 1, 0]);
  assert.deepEqual(one.geometry.morphAttributes, {}, "nothing is left to the shader");
  one.morphTargetInfluences = [0, 0];
  morphs.play();
  assert.deepEqual([...one.geometry.attributes.position.array], [0, 0, 0, 1, 0, 0, 0, 1, 0]);
});

test("what does not move is not sent to be drawn again", () => {
  const [root, one] = twins();
  const morphs = new Morphs(root);
  one.morphTargetInfluences = [0.5, 0];
  morphs.play();
  const { version } = one.geometry.attributes.position;
  morphs.play();
  assert.equal(one.geometry.attributes.position.version, version);
});

test("targets that are places and not offsets are left to the shader", () => {
  const [root, one] = twins();
  one.geometry.morphTargetsRelative = false;
  new Morphs(root).play();
  assert.equal(one.geometry.morphAttributes.position.length, 2);
});
