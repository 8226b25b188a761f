// Curves that are drawn up or down: the shift under the hand, and those that count but are not in the curves yet.

import type { Lane } from "./lanes";
import { type Shift, shiftTo, shifted } from "./shift";

/** A shift this small changes nothing. */
const LEAST = 1e-4;

export class Pending {
  /** Makes an operation of a shift; it is done when the curves hold it, or when it was refused. */
  onshift: ((shift: Shift) => Promise<void>) | null = null;
  private held: Shift | null = null;
  private settling: Shift[] = [];

  constructor(
    private times: () => Float64Array,
    private changed: () => void,
  ) {}

  /** Whether something is under the hand. */
  get holds(): boolean {
    return this.held !== null;
  }

  /** Bring the value at a time to `wanted`: of the span, or of that sample and its neighbours. */
  hold(lane: Lane, row: number, wanted: number, span: [number, number] | null): void {
    this.held = shiftTo(lane.name, this.times()[row]!, this.settled(lane, row), wanted, span);
  }

  cancel(): void {
    this.held = null;
  }

  /** What is under the hand counts from now on. */
  finish(): void {
    const shift = this.held;
    this.held = null;
    if (!shift || !this.onshift || Math.abs(shift.offset) <= LEAST) return;
    this.settling.push(shift);
    void this.onshift(shift).finally(() => {
      this.settling = this.settling.filter((s) => s !== shift);
      this.changed();
    });
  }

  /** The curve as it will be. */
  seen(lane: Lane): Lane {
    const mine = [...this.settling, ...(this.held ? [this.held] : [])].some((s) => s.lane === lane.name);
    if (!mine || lane.fixed) return lane;
    return { ...lane, edited: (row) => this.with(this.held, lane, this.settled(lane, row), row) };
  }

  private settled(lane: Lane, row: number): number {
    return this.settling.reduce((value, shift) => this.with(shift, lane, value, row), lane.edited(row));
  }

  private with(shift: Shift | null, lane: Lane, value: number, row: number): number {
    return shift?.lane === lane.name ? shifted(value, this.times()[row]!, shift) : value;
  }
}
