// When something is due, and how much is drawn where drawing is too slow. Nothing of a browser in here.

/** Times of the screen lie a little off; so much too early is in time. */
const EARLY_MS = 2;
/** What is drawn at the screen's own rate may come at 30 Hz without being slow. */
const SLOW_MS = 34;
/** What has a rate of its own is to keep it but for so much. */
const SLOWER = 1.075;
const MEAN_OF = 40;
const REST_MS = 1500;
const TRY_AGAIN_MS = 5000;
const MOST_FAILURES = 4;

/** Lets through what comes, but no oftener than every so many ms in the long run; 0 = always. */
export class Pace {
  private due = -Infinity;
  private hurried = false;

  constructor(public everyMs: number) {}

  /** Whether it is time. `hurry` = there is news: it may come half as early, but not twice in a row. */
  takes(nowMs: number, hurry = false): boolean {
    const early = hurry && !this.hurried ? this.everyMs / 2 : 0;
    if (nowMs < this.due - Math.max(early, EARLY_MS)) return false;
    this.hurried = nowMs < this.due - EARLY_MS;
    // What came late is made up for, but not after a pause.
    this.due = (nowMs - this.due > this.everyMs ? nowMs : this.due) + this.everyMs;
    return true;
  }
}

/** Draws less where pictures come too slowly, and tries again later whether more is possible. */
export class Quality {
  /** 0 = everything is drawn. */
  level = 0;

  private meanMs: number;
  private slowMs: number;
  private since = -Infinity;
  private failures = 0;
  private raised = false;

  /** @param everyMs so often a picture is due; 0 = whenever the screen is ready. */
  constructor(
    everyMs: number,
    private lowest: number,
  ) {
    this.slowMs = everyMs ? everyMs * SLOWER : SLOW_MS;
    this.meanMs = this.slowMs / 2;
  }

  /** A picture came so long after the one before. Whether the level is another one now. */
  came(nowMs: number, deltaMs: number): boolean {
    if (this.since === -Infinity) this.since = nowMs;
    if (deltaMs > 1000) return false; // the page was not to be seen
    this.meanMs += (deltaMs - this.meanMs) / MEAN_OF;
    const at = nowMs - this.since;
    if (this.meanMs > this.slowMs) {
      if (at < REST_MS || this.level >= this.lowest) return false;
      if (this.raised) this.failures = Math.min(MOST_FAILURES, this.failures + 1);
      return this.change(nowMs, 1);
    }
    if (this.level === 0 || at < TRY_AGAIN_MS * 2 ** this.failures) return false;
    return this.change(nowMs, -1);
  }

  private change(nowMs: number, by: number): boolean {
    this.level += by;
    this.since = nowMs;
    this.raised = by < 0;
    this.meanMs = this.slowMs * 0.9;
    return true;
  }
}
