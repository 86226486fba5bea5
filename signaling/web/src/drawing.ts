// A moving picture made here: for people without a camera, and for those who do not want to show their face.

const SIZE = { width: 640, height: 360 };
const FRAMES_PER_SECOND = 20;

/** Nothing where the browser cannot record a canvas. */
export function drawing(): MediaStream | undefined {
  const canvas = Object.assign(document.createElement("canvas"), SIZE);
  const paint = canvas.getContext("2d");
  if (!paint || !canvas.captureStream) {
    return undefined;
  }
  const hue = Math.floor(Math.random() * 360);
  const draw = () => drawRings(paint, hue, performance.now() / 1000);
  draw();
  const timer = setInterval(draw, 1000 / FRAMES_PER_SECOND);
  const stream = canvas.captureStream(FRAMES_PER_SECOND);
  for (const track of stream.getVideoTracks()) {
    const stop = track.stop.bind(track);
    track.stop = () => {
      clearInterval(timer);
      stop();
    };
  }
  return stream;
}

function drawRings(paint: CanvasRenderingContext2D, hue: number, time: number): void {
  paint.fillStyle = `hsl(${hue}, 40%, 16%)`;
  paint.fillRect(0, 0, SIZE.width, SIZE.height);
  for (let ring = 0; ring < 5; ring += 1) {
    const angle = time * (0.4 + ring / 5) + ring;
    const x = SIZE.width / 2 + Math.cos(angle) * 60 * ring;
    const y = SIZE.height / 2 + Math.sin(angle * 1.3) * 26 * ring;
    paint.fillStyle = `hsla(${hue + ring * 24}, 80%, 62%, 0.75)`;
    paint.beginPath();
    paint.arc(x, y, 46 - ring * 6, 0, 7);
    paint.fill();
  }
}
