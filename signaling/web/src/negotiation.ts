// The decisions of perfect negotiation (W3C WebRTC, section 10.7), apart from the connection that they are about.
// Descriptions are taken one at a time, so none arrives while an offer is being made.

/** What a description that arrives means for this side. */
export type Verdict = "apply" | "ignore";

/** How many candidates may wait for the first description. */
const MAX_WAITING = 64;

export class Negotiation {
  private ignoring = false;
  private described = false;
  private waiting: RTCIceCandidateInit[] = [];
  /** Counts the offers of this side; an answer bears the number of the offer that it answers. */
  private round = 0;

  /** The polite side gives way when both offer at once. */
  constructor(readonly polite: boolean) {}

  /** This side makes an offer: its number. */
  offering(): number {
    this.round += 1;
    return this.round;
  }

  /**
   * Whether a description is to be applied. An impolite side ignores an offer that collides with its own. An answer to
   * an offer that was made anew in the meantime would set up the wrong ends; who does not number theirs is trusted.
   */
  receive(type: RTCSdpType, round: number | undefined, signalingState: RTCSignalingState): Verdict {
    if (type === "offer") {
      this.ignoring = signalingState !== "stable" && !this.polite;
      return this.ignoring ? "ignore" : "apply";
    }
    const awaited = signalingState === "have-local-offer" || signalingState === "have-remote-pranswer";
    const ours = round === undefined || round === this.round;
    return awaited && ours ? "apply" : "ignore";
  }

  /** The remote description stands: the candidates that waited for it, in order. */
  applied(): RTCIceCandidateInit[] {
    this.described = true;
    this.ignoring = false;
    return this.waiting.splice(0);
  }

  /** Whether a candidate can be added now; otherwise it waits for its description, or is of an ignored offer. */
  admit(candidate: RTCIceCandidateInit): boolean {
    if (this.described) {
      return true;
    }
    if (!this.ignoring && this.waiting.length < MAX_WAITING) {
      this.waiting.push(candidate);
    }
    return false;
  }

  /** Whether a failure to add a candidate is to be expected: it may be of an ignored offer. */
  forgives(): boolean {
    return this.ignoring;
  }
}
