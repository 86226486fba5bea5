// The decisions of perfect negotiation (W3C WebRTC, section 10.7), apart from the connection that they are about.

/** What a description that arrives means for this side. */
export type Verdict = "apply" | "ignore";

export class Negotiation {
  makingOffer = false;
  private ignoring = false;
  private described = false;
  private waiting: RTCIceCandidateInit[] = [];

  /** The polite side gives way when both offer at once. */
  constructor(readonly polite: boolean) {}

  /** Whether a description is to be applied; an impolite side ignores an offer that collides with its own. */
  receive(type: RTCSdpType, signalingState: RTCSignalingState): Verdict {
    const collides = type === "offer" && (this.makingOffer || signalingState !== "stable");
    const untimely = type === "answer" && signalingState !== "have-local-offer";
    this.ignoring = collides && !this.polite;
    return this.ignoring || untimely ? "ignore" : "apply";
  }

  /** The remote description stands: the candidates that waited for it, in order. */
  applied(): RTCIceCandidateInit[] {
    this.described = true;
    return this.waiting.splice(0);
  }

  /** Whether a candidate can be added now; otherwise it waits for its description, or is of an ignored offer. */
  admit(candidate: RTCIceCandidateInit): boolean {
    if (this.described) {
      return true;
    }
    if (!this.ignoring && this.waiting.length < 64) {
      this.waiting.push(candidate);
    }
    return false;
  }

  /** Whether a failure to add a candidate is to be expected. */
  forgives(): boolean {
    return this.ignoring;
  }
}
