// Which character is shown: one choice for all pages.

import { ask, remember, remembered } from "./dom";
import type { Avatar } from "./messages";

export const BUILTIN = "Mien";

export function chosenAvatar(): string {
  return remembered("avatar", { name: BUILTIN }).name;
}

export function chooseAvatar(name: string): void {
  remember("avatar", { name });
}

export function avatarOf(name: string): Promise<Avatar> {
  return ask<Avatar>(`api/avatars/${encodeURIComponent(name)}`);
}

/** The chosen character, or the built-in one if it is gone. */
export async function currentAvatar(): Promise<Avatar> {
  const name = chosenAvatar();
  if (name === BUILTIN) return avatarOf(BUILTIN);
  return avatarOf(name).catch(() => avatarOf(BUILTIN));
}
