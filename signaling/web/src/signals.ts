// What a call says to the other side by way of the service. A signal that was not acknowledged when the connection broke
// may never have arrived, and only this side knows: it is sent again. What arrives twice does no harm.

import type { Ack, Candidate, Description, Failure } from "./contract";

export type Signal =
  | { event: "webrtc_offer" | "webrtc_answer"; payload: Description }
  | { event: "webrtc_ice_candidate"; payload: Candidate };

export interface Wire {
  emit(signal: Signal, answered: (ack: Ack) => void): void;
  refused(failure: Failure): void;
}

export class Signals {
  private readonly unanswered = new Set<Signal>();
  private connected = true;

  constructor(private readonly wire: Wire) {}

  send(signal: Signal): void {
    this.unanswered.add(signal);
    if (this.connected) {
      this.emit(signal);
    }
  }

  /** The connection is gone: what is said now waits for the next one. */
  hold(): void {
    this.connected = false;
  }

  /** There is a connection again. `anew`: both sides start over, and what was said before is worth nothing. */
  resume(anew: boolean): void {
    this.connected = true;
    if (anew) {
      this.unanswered.clear();
    }
    for (const signal of [...this.unanswered]) {
      this.emit(signal);
    }
  }

  /** Nobody listens any more. */
  end(): void {
    this.connected = false;
    this.unanswered.clear();
  }

  private emit(signal: Signal): void {
    this.wire.emit(signal, (ack) => {
      // An answer from the last connection cannot come: with it went its acknowledgements.
      if (this.unanswered.delete(signal) && !ack.ok) {
        this.wire.refused(ack.error);
      }
    });
  }
}
