// Live: picture and character, meters, figures, warnings, and everything that can be chosen.

import type { Connection } from "../connection";
import { h, toast } from "../dom";
import { NumbersPace, clock } from "../drawing";
import { LiveForm } from "../live_form";
import { MarkStrip } from "../marks";
import type { FromServer, Hello, Marks, Session, Status } from "../messages";
import { Meters } from "../meters";
import { Moods } from "../moods";
import { Readout } from "../readout";
import { Stage } from "../stage";
import type { Frame } from "../wire";

export function livePage(connection: Connection): { element: HTMLElement; close: () => void } {
  return new LivePage(connection);
}

class LivePage {
  readonly element: HTMLElement;
  private form: LiveForm;
  private stage: Stage;
  private readout: Readout;
  private meters: Meters | null = null;
  private moods: Moods | null = null;
  private side = h("aside", { class: "side" });
  private marks: MarkStrip | null = null;
  private marksBox = h("div", { class: "marks-box" });
  private metersBox = h("section", { class: "card meters-card" });
  private newest: Frame | null = null;
  private status: Status | null = null;
  private numbers = new NumbersPace();
  private ends: (() => void)[];

  constructor(private connection: Connection) {
    this.form = new LiveForm(connection);
    this.stage = new Stage(connection, this.form.overlay);
    this.readout = new Readout(this.stage.figures);
    (window as unknown as { mien?: unknown }).mien = { figures: this.stage.figures };
    this.element = h(
      "div",
      { class: "live" },
      this.stage.element,
      this.side,
      h("div", { class: "column" }, this.marksBox, this.metersBox),
    );
    this.side.append(this.form.element, this.readout.element);
    this.form.onoverlay = () => this.stage.redraw();
    this.stage.onframe = (frame) => (this.newest = frame);
    this.ends = [connection.listen((m) => this.hear(m)), clock().each((now) => this.showNumbers(now))];
    this.stage.redraw();
  }

  close(): void {
    for (const end of this.ends) end();
    this.marks?.close();
    this.form.close();
    this.stage.close();
  }

  private hear(m: FromServer): void {
    if (m.type === "hello") this.greet(m);
    if (m.type === "session") this.show(m);
    if (m.type === "status") this.status = m;
    if (m.type === "marks") this.showMarks(m);
    if (m.type === "problem") toast(m.what, "error");
  }

  private greet(hello: Hello): void {
    this.marks?.clear();
    this.element.classList.remove("with-marks");
    if (this.meters) return;
    this.meters = new Meters(hello.names);
    this.moods = new Moods(hello.names);
    this.side.append(this.moods.element);
    this.metersBox.append(h("h2", {}, "Action units", h("small", {}, "right of the face · left")), this.meters.element);
    this.marks = new MarkStrip(hello.names, () => this.connection.serverMs());
    this.marksBox.append(this.marks.element);
    this.form.greet(hello);
  }

  private show(session: Session): void {
    this.marks?.running(this.form.show(session));
    const { stage } = this;
    if (session.state === "starting") {
      stage.clear();
      stage.say("Opening the source and loading the models …");
    }
    if (session.state === "idle") stage.say("Press Start: the built-in clip needs no camera.");
    if (session.state === "ended" && !stage.frame) stage.say("The source has ended.");
    if (session.state === "failed") stage.say(session.problem ?? "It failed.");
  }

  private showMarks(m: Marks): void {
    this.marks?.show(m);
    this.element.classList.toggle("with-marks", this.marks?.wanted ?? false);
  }

  /** All at once: every change of the page's text is drawn anew. */
  private showNumbers(now: number): void {
    const { newest: frame, status } = this;
    if ((!frame && !status) || !this.numbers.takes(now)) return;
    this.newest = this.status = null;
    if (status) this.readout.show(status);
    if (!frame) return;
    const face = frame.faces.find((f) => f.id === frame.followed) ?? frame.faces[0];
    this.meters?.show(face);
    this.moods?.show(face);
    this.readout.turn(face, frame.faces.length);
  }
}
