// Camera and microphone, or what stands in for them.

import { drawing } from "./drawing";

export type Source = "camera" | "canvas" | "none";

/** What the person wants to show, and to say. */
export interface Showing {
  source: Source;
  /** Calls by voice open no camera, and chats by text nothing at all. */
  picture: boolean;
  sound: boolean;
  camera?: string;
  microphone?: string;
}

/** What was opened, and what of it could not be. */
export interface Opened {
  stream: MediaStream;
  missing?: string;
}

/** Why there is no camera, in words that say what to do about it. */
export class MediaError extends Error {}

export async function open(showing: Showing): Promise<Opened> {
  if (showing.source === "none" || (!showing.picture && !showing.sound)) {
    return { stream: new MediaStream() };
  }
  if (showing.source === "canvas") {
    return { stream: pictured(showing.picture) };
  }
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new MediaError("Browsers give out the camera on HTTPS pages and on localhost only, and this page is neither.");
  }
  try {
    return await devicesOf(showing);
  } catch (error) {
    throw new MediaError(reason(error instanceof DOMException ? error.name : ""));
  }
}

function pictured(wanted: boolean): MediaStream {
  const stream = wanted ? drawing() : new MediaStream();
  if (!stream) {
    throw new MediaError("This browser cannot send a drawing.");
  }
  return stream;
}

/** Opens what there is: a device that was chosen may be gone, and not everybody has both kinds. */
async function devicesOf(showing: Showing): Promise<Opened> {
  const { camera: _, microphone: __, ...any } = showing;
  const attempts: [Showing, string?][] = [[showing], [any]];
  if (showing.picture && showing.sound) {
    attempts.push(
      [{ ...any, sound: false }, "No microphone was found: you are seen, but not heard."],
      [{ ...any, picture: false }, "No camera was found: you are heard, but not seen."],
    );
  }
  let failure: unknown;
  for (const [attempt, missing] of attempts) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia(constraints(attempt));
      return { stream, ...(missing && { missing }) };
    } catch (error) {
      failure ??= error;
      if (!isMissing(error)) {
        throw error;
      }
    }
  }
  throw failure;
}

function constraints({ picture, sound, camera, microphone }: Showing): MediaStreamConstraints {
  const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
  return {
    video: picture && { ...size, ...(camera ? { deviceId: { exact: camera } } : { facingMode: "user" }) },
    audio: sound && (microphone ? { deviceId: { exact: microphone } } : true),
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof DOMException && (error.name === "NotFoundError" || error.name === "OverconstrainedError");
}

function reason(name: string): string {
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return "The camera was refused. Allow camera and microphone for this page, at the icon beside its address, and try again.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "There is no camera and no microphone here. Plug one in and try again.";
    case "NotReadableError":
    case "AbortError":
      return "The camera or the microphone is in use by another program. Close that one and try again.";
    default:
      return "The camera could not be opened.";
  }
}

/** Cameras and microphones by their names, which browsers tell once access was granted. */
export async function devices(): Promise<{ cameras: MediaDeviceInfo[]; microphones: MediaDeviceInfo[] }> {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const named = (kind: MediaDeviceKind) => all.filter((device) => device.kind === kind && device.deviceId !== "");
  return { cameras: named("videoinput"), microphones: named("audioinput") };
}
