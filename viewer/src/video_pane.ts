// The overlay video of a take: of its picture only the left part is shown; the character beside it is drawn anew.

import { h } from "./dom";
import type { TakeDetail } from "./messages";
import { videoAddress } from "./takes";

export function videoPane(video: HTMLVideoElement, take: TakeDetail): HTMLElement {
  const pane = h("div", { class: "pane picture-pane video-pane" });
  if (!take.video) {
    pane.append(h("p", { class: "note" }, "There is no overlay video beside this take."));
    return pane;
  }
  video.src = videoAddress(take.name);
  const fit = (): void => {
    const [w, high] = take.video_picture ?? [video.videoWidth, video.videoHeight];
    if (!video.videoWidth) return;
    const scale = Math.min(pane.clientWidth / w, pane.clientHeight / high);
    Object.assign(video.style, {
      width: `${video.videoWidth * scale}px`,
      height: `${video.videoHeight * scale}px`,
      left: `${(pane.clientWidth - w * scale) / 2}px`,
      top: `${(pane.clientHeight - high * scale) / 2}px`,
      clipPath: `inset(0 ${(video.videoWidth - w) * scale}px ${(video.videoHeight - high) * scale}px 0)`,
    });
  };
  video.onloadedmetadata = fit;
  new ResizeObserver(fit).observe(pane);
  pane.append(video);
  return pane;
}
