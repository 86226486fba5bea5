// What happens when the page is closed, reloaded or left: the partner is told at once.

import type { Socket } from "socket.io-client";

/** What the page leaves to itself, for when it is loaded again in the same tab. */
export interface Note {
  /** Resumes the session, to leave its match where the farewell did not get through, and for its blocks to hold on. */
  resume?: string;
  /** The page was left in the middle of a call. */
  inCall: boolean;
}

const KEY = "parlour.left";

/**
 * A WebSocket says goodbye by itself when its page goes; a polling client would only fall silent, so its last words go
 * by beacon: Socket.IO's DISCONNECT and Engine.IO's CLOSE in one payload.
 */
export function sayFarewell(socket: Socket): void {
  const engine = socket.io.engine as typeof socket.io.engine | undefined;
  const sid = (engine as { id?: string } | undefined)?.id;
  if (socket.connected && engine?.transport.name === "polling" && sid) {
    const query = new URLSearchParams({ EIO: "4", transport: "polling", sid });
    navigator.sendBeacon(`/socket.io/?${query}`, "41\x1e1");
  } else {
    socket.disconnect();
  }
}

/** Leaves a note. Only now that the page goes: a tab that is duplicated gets a copy of the storage, and must not find one. */
export function leaveNote(note: Note): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(note));
  } catch {
    // Storage is switched off: then the page comes back as a stranger.
  }
}

/** Takes the note that the page has left, if it has. */
export function takeNote(): Note {
  try {
    const note: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
    sessionStorage.removeItem(KEY);
    const { resume, inCall } = note as Partial<Record<keyof Note, unknown>>;
    return { inCall: inCall === true, ...(typeof resume === "string" && { resume }) };
  } catch {
    return { inCall: false };
  }
}
