// The operations of a take: done, undone and done again, one change after the other.

import { ICONS, h, icon, toast } from "./dom";
import type { EditList, TakeDetail } from "./messages";
import { type Operation, sentence } from "./operations";
import { readEdits, writeEdits } from "./takes";

export class EditHistory {
  readonly list = h("ol", { class: "history" });
  readonly undo = h("button", { type: "button", id: "undo", title: "Ctrl+Z", onclick: () => void this.step(-1) });
  readonly redo = h("button", { type: "button", id: "redo", title: "Ctrl+Shift+Z", onclick: () => void this.step(1) });
  private edits: EditList = { operations: [], done: 0 };
  private changing: Promise<void> = Promise.resolve();
  private alive = true;

  /**
   * @param changed reads the curves again after every change.
   * @param refused is told that a change was not made.
   */
  constructor(
    private take: TakeDetail,
    private changed: () => Promise<void>,
    private refused: () => void,
  ) {
    this.undo.append(icon(ICONS.undo), "Undo");
    this.redo.append(icon(ICONS.redo), "Redo");
  }

  async load(): Promise<void> {
    this.edits = await readEdits(this.take.name);
    this.show();
  }

  close(): void {
    this.alive = false;
  }

  add(operation: Operation): Promise<void> {
    return this.change((now) => ({ operations: [...now.operations.slice(0, now.done), operation], done: now.done + 1 }));
  }

  step(by: 1 | -1): Promise<void> {
    return this.change((now) => {
      const done = now.done + by;
      return done < 0 || done > now.operations.length ? null : { ...now, done };
    });
  }

  /** Changes are made one after the other, each on the result of the one before, however quickly they are asked for. */
  private change(make: (now: EditList) => EditList | null): Promise<void> {
    this.changing = this.changing.then(async () => {
      const edits = make(this.edits);
      if (!edits || !this.alive) return;
      try {
        this.edits = await writeEdits(this.take.name, edits);
        await this.changed();
        if (this.alive) this.show();
      } catch (error) {
        toast((error as Error).message, "error");
        this.refused();
      }
    });
    return this.changing;
  }

  private show(): void {
    const { operations, done } = this.edits;
    this.undo.disabled = done === 0;
    this.redo.disabled = done === operations.length;
    this.list.replaceChildren(...operations.map((o, k) => h("li", { class: k < done ? "" : "undone" }, sentence(o, this.take.first_ns))));
  }
}
