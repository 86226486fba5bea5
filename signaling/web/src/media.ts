// Camera and microphone, or what stands in for them.

export type Source = "camera" | "canvas" | "none";

/** Why there is no camera, in words that say what to do about it. */
export class MediaError extends Error {}

const WITHOUT = "You can go on with a drawing instead of your camera, or with text only: choose under “Camera and microphone”.";

/** Opens what the person wants to show. */
export async function open(source: Source, camera?: string, microphone?: string): Promise<MediaStream> {
  if (source === "none") {
    return new MediaStream();
  }
  if (source === "canvas") {
    return drawing();
  }
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new MediaError(
      `Browsers give out the camera on HTTPS pages and on localhost only, and this page is neither. ${WITHOUT}`,
    );
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 1280 }, height: { ideal: 720 }, ...(camera && { deviceId: { exact: camera } }) },
      audio: microphone ? { deviceId: { exact: microphone } } : true,
    });
  } catch (error) {
    throw new MediaError(reason(error instanceof DOMException ? error.name : ""));
  }
}

function reason(name: string): string {
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return `The camera was refused. Allow it at the lock beside the address, then press Start again. ${WITHOUT}`;
    case "NotFoundError":
    case "OverconstrainedError":
      return `There is no such camera or microphone. Plug one in, or choose another. ${WITHOUT}`;
    case "NotReadableError":
    case "AbortError":
      return `The camera is in use by another program. Close that one, then press Start again. ${WITHOUT}`;
    default:
      return `The camera could not be opened. ${WITHOUT}`;
  }
}

/** A moving picture made here: for people without a camera, and for tests. */
function drawing(): MediaStream {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 360];
  const paint = canvas.getContext("2d");
  if (!paint) {
    throw new MediaError(`This browser cannot draw. ${WITHOUT}`);
  }
  const hue = Math.floor(Math.random() * 360);
  const draw = () => {
    const time = performance.now() / 1000;
    paint.fillStyle = `hsl(${hue} 40% 16%)`;
    paint.fillRect(0, 0, canvas.width, canvas.height);
    for (let ring = 0; ring < 5; ring += 1) {
      const angle = time * (0.4 + ring / 5) + ring;
      paint.fillStyle = `hsl(${hue + ring * 24} 80% 62% / 0.75)`;
      paint.beginPath();
      paint.arc(320 + Math.cos(angle) * 60 * ring, 180 + Math.sin(angle * 1.3) * 26 * ring, 46 - ring * 6, 0, 7);
      paint.fill();
    }
  };
  draw();
  const timer = setInterval(draw, 50);
  const stream = canvas.captureStream(20);
  const [track] = stream.getVideoTracks();
  const stop = track?.stop.bind(track);
  if (track && stop) {
    track.stop = () => {
      clearInterval(timer);
      stop();
    };
  }
  return stream;
}

/** Cameras and microphones by their names, which browsers tell once access was granted. */
export async function devices(): Promise<{ cameras: MediaDeviceInfo[]; microphones: MediaDeviceInfo[] }> {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const named = (kind: MediaDeviceKind) => all.filter((device) => device.kind === kind && device.deviceId !== "");
  return { cameras: named("videoinput"), microphones: named("audioinput") };
}
