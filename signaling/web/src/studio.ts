// This side's picture and sound: opened when they are needed, closed when they are not, muted when the person says so.

import { MediaError, open, type Showing } from "./media";

export interface StudioListener {
  /** There are other tracks than before, or they were muted. */
  changed(): void;
  /** What the person should know of their devices. */
  missing(words: string): void;
  /** Nothing could be opened. */
  failed(words: string): void;
}

type Kind = "audio" | "video";

export class Studio {
  stream = new MediaStream();
  private readonly muted: Record<Kind, boolean> = { audio: false, video: false };
  /** What the present stream was opened for. */
  private opened: string | undefined;
  /** Counts the openings, for a stream may come after nobody wants it any more. */
  private turn = 0;

  constructor(private readonly listener: StudioListener) {}

  /** Opens what is to be shown. `false` when that failed, or was called off. */
  async open(showing: Showing): Promise<boolean> {
    const wanted = JSON.stringify(showing);
    if (this.opened === wanted && this.alive()) {
      return true;
    }
    // The old tracks go first: phones lend out one camera at a time.
    this.turn += 1;
    const { turn } = this;
    stop(this.stream);
    try {
      const { stream, missing } = await open(showing);
      if (turn !== this.turn) {
        stop(stream);
        return false;
      }
      this.take(stream, wanted);
      if (missing) {
        this.listener.missing(missing);
      }
      return true;
    } catch (error) {
      if (turn === this.turn) {
        this.close();
        this.listener.failed(error instanceof MediaError ? error.message : String(error));
      }
      return false;
    }
  }

  /** Turns camera and microphone off, their lights too. */
  close(): void {
    this.turn += 1;
    this.opened = undefined;
    stop(this.stream);
    if (this.stream.getTracks().length > 0) {
      this.stream = new MediaStream();
      this.listener.changed();
    }
  }

  has(kind: Kind): boolean {
    return this.tracks(kind).length > 0;
  }

  isMuted(kind: Kind): boolean {
    return this.muted[kind];
  }

  toggle(kind: Kind): void {
    this.muted[kind] = !this.muted[kind];
    this.applyMutes();
  }

  /** The stream without its picture, for a call by voice. */
  soundOnly(): MediaStream {
    return new MediaStream(this.stream.getAudioTracks());
  }

  private take(stream: MediaStream, wanted: string): void {
    this.stream = stream;
    this.opened = wanted;
    for (const track of stream.getTracks()) {
      // Unplugged, or the permission was taken back. Stopping it here raises no event.
      track.onended = () => {
        this.listener.missing(`Your ${track.kind === "video" ? "camera" : "microphone"} has stopped. Choose another one in the settings.`);
        this.listener.changed();
      };
    }
    this.applyMutes();
  }

  private applyMutes(): void {
    for (const kind of ["audio", "video"] as const) {
      for (const track of this.tracks(kind)) {
        track.enabled = !this.muted[kind];
      }
    }
    this.listener.changed();
  }

  private alive(): boolean {
    return this.stream.getTracks().every((track) => track.readyState === "live");
  }

  private tracks(kind: Kind): MediaStreamTrack[] {
    return this.stream.getTracks().filter((track) => track.kind === kind && track.readyState === "live");
  }
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) {
    track.stop();
  }
}
