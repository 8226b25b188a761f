// Times of the samples and the part of them that is seen: seconds ↔ rows ↔ px.

const LABEL_PX = 118;
const LABEL_PX_NARROW = 78;
const SHORTEST_S = 0.2;

export class TimeAxis {
  t: Float64Array = new Float64Array(0);
  from = 0;
  to = 1;

  /** @param wide px, the names at the left included. */
  constructor(private wide: () => number) {}

  setTimes(t: Float64Array): void {
    this.t = t;
    [this.from, this.to] = [0, this.last];
  }

  get last(): number {
    return Math.max(0.1, this.t.length ? this.t[this.t.length - 1]! : 1);
  }

  /** Width of the names at the left. */
  get labelPx(): number {
    return this.wide() < 500 ? LABEL_PX_NARROW : LABEL_PX;
  }

  show(from: number, to: number): void {
    const span = to - from;
    this.from = Math.max(0, Math.min(from, this.last - span));
    this.to = this.from + span;
  }

  zoom(factor: number, about: number): void {
    const share = (about - this.from) / (this.to - this.from);
    const span = Math.min(this.last, Math.max(SHORTEST_S, (this.to - this.from) * factor));
    this.show(about - share * span, about + (1 - share) * span);
  }

  x(time: number): number {
    return this.labelPx + ((time - this.from) / (this.to - this.from)) * (this.wide() - this.labelPx);
  }

  timeAt(x: number): number {
    const share = (x - this.labelPx) / (this.wide() - this.labelPx);
    return Math.max(0, Math.min(this.last, this.from + share * (this.to - this.from)));
  }

  /** Row of the sample at or before a time. */
  row(time: number): number {
    let [low, high] = [0, this.t.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.t[middle]! <= time + 1e-6) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  nearest(time: number): number {
    const row = this.row(time);
    return row + 1 < this.t.length && this.t[row + 1]! - time < time - this.t[row]! ? row + 1 : row;
  }
}
