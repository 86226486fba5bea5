// One call: an RTCPeerConnection, and what it says to the other side.

import type { Candidate, Description, IceReport } from "./contract";
import { Negotiation } from "./negotiation";
import { framesDecoded, way, type Way } from "./route";
import type { Route, Trouble } from "./state";

export interface CallEvents {
  describe(description: { type: RTCSdpType; sdp: string; round?: number }): void;
  candidate(candidate: RTCIceCandidateInit): void;
  remote(stream: MediaStream): void;
  /** Whether the partner sends a picture. */
  pictured(pictured: boolean): void;
  connected(route?: Route): void;
  trouble(trouble: Trouble): void;
  /** The other side has closed its connection in order, which is told long before its absence would be noticed. */
  hungUp(): void;
  report(report: IceReport): void;
}

const KINDS = ["audio", "video"] as const;

/** When a first connection takes so long that the person should hear of it. */
const SLOW_MS = 12_000;
/** How long an interrupted connection may mend itself, and how much longer the polite side leaves it to the other. */
const MEND_MS = 3_000;
const POLITE_MS = 2_000;
/** How often the way of the call is looked at: it may change from a relay to a direct one, or back. */
const LOOK_MS = 5_000;
/** How often, and how many times, it is looked for at first. */
const SOON_MS = 200;
const SOON_LOOKS = 15;

export class Call {
  readonly connection: RTCPeerConnection;
  private readonly negotiation: Negotiation;
  private readonly remote = new MediaStream();
  private closed = false;
  /** Descriptions and candidates are taken one after the other, as they came. */
  private turn: Promise<void> = Promise.resolve();
  private slow: ReturnType<typeof setTimeout>;
  private mend: ReturnType<typeof setTimeout> | undefined;
  private look: ReturnType<typeof setInterval> | undefined;

  constructor(
    readonly matchId: string,
    private readonly initiator: boolean,
    iceServers: RTCIceServer[],
    local: MediaStream,
    private readonly events: CallEvents,
  ) {
    this.negotiation = new Negotiation(!initiator);
    this.connection = new RTCPeerConnection({ iceServers });
    this.listen();
    this.offerTracks(local);
    this.slow = setTimeout(() => events.trouble("slow"), SLOW_MS);
  }

  /** Whether picture or sound have come through. */
  get established(): boolean {
    return this.connection.connectionState === "connected" || this.connection.connectionState === "disconnected";
  }

  /** Puts other picture and sound, or none, in the place of the present ones. A new negotiation only where it must be. */
  replace(local: MediaStream): void {
    this.enqueue(async () => {
      for (const kind of KINDS) {
        await this.replaceTrack(kind, trackOf(local, kind), local);
      }
    });
  }

  /**
   * Starts over after signals may have been lost. An offer that was not answered is made anew in its place: taken back,
   * it might lay out its media in another order the next time, which a partner who has seen it could not take.
   */
  restart(): void {
    this.enqueue(async () => {
      const { connection } = this;
      if (!this.initiator && !connection.remoteDescription) {
        return;
      }
      connection.restartIce();
      if (connection.signalingState === "have-local-offer") {
        await this.makeOffer();
      }
    });
  }

  /** The service says that signals may be missing, on which side ever. One offer is enough, so the initiator makes it. */
  renegotiate(): void {
    if (this.initiator) {
      this.restart();
    }
  }

  setServers(iceServers: RTCIceServer[]): void {
    this.connection.setConfiguration({ ...this.connection.getConfiguration(), iceServers });
  }

  takeDescription(description: Description): void {
    this.enqueue(() => this.apply(description));
  }

  takeCandidate({ candidate, sdpMid, sdpMLineIndex, usernameFragment }: Candidate): void {
    const init: RTCIceCandidateInit = {
      candidate: candidate ?? "",
      sdpMid: sdpMid ?? null,
      sdpMLineIndex: sdpMLineIndex ?? null,
      ...(usernameFragment && { usernameFragment }),
    };
    this.enqueue(async () => {
      if (this.negotiation.admit(init)) {
        await this.add(init);
      }
    });
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.slow);
    clearTimeout(this.mend);
    clearInterval(this.look);
    this.connection.close();
  }

  async framesDecoded(): Promise<number> {
    return framesDecoded(await this.connection.getStats());
  }

  private listen(): void {
    const { connection, events } = this;
    connection.onnegotiationneeded = () => {
      // The first offer is the initiator's; from then on either side may.
      if (this.initiator || connection.remoteDescription) {
        this.enqueue(() => this.offer());
      }
    };
    connection.onicecandidate = ({ candidate }) => {
      // The end of candidates lets the other side give up sooner where no pair works.
      events.candidate(candidate?.toJSON() ?? { candidate: "", sdpMid: null, sdpMLineIndex: null });
    };
    connection.ontrack = ({ track }) => {
      this.remote.addTrack(track);
      events.remote(this.remote);
    };
    connection.onconnectionstatechange = () => void this.changed(connection.connectionState);
  }

  /** The initiator lays out picture and sound even without any to send: there is still someone to see and hear. */
  private offerTracks(local: MediaStream): void {
    for (const kind of KINDS) {
      const track = trackOf(local, kind);
      if (track) {
        this.connection.addTrack(track, local);
      } else if (this.initiator) {
        this.connection.addTransceiver(kind, { direction: "recvonly" });
      }
    }
  }

  private async replaceTrack(kind: string, track: MediaStreamTrack | null, local: MediaStream): Promise<void> {
    const transceiver = this.transceiver(kind);
    if (!transceiver) {
      if (track) {
        this.connection.addTrack(track, local);
      }
      return;
    }
    await transceiver.sender.replaceTrack(track);
    const direction = track ? "sendrecv" : "recvonly";
    if (transceiver.direction !== direction) {
      transceiver.sender.setStreams?.(local);
      transceiver.direction = direction;
    }
  }

  private transceiver(kind: string): RTCRtpTransceiver | undefined {
    const all = this.connection.getTransceivers();
    return all.find((transceiver) => transceiver.receiver.track.kind === kind && transceiver.direction !== "stopped");
  }

  private enqueue(work: () => Promise<void>): void {
    this.turn = this.turn
      .then(() => (this.closed ? undefined : work()))
      .catch((error: unknown) => {
        if (!this.closed) {
          console.warn("negotiation:", error);
        }
      });
  }

  private async offer(): Promise<void> {
    // The need may have passed, or the partner's offer come first: once all is settled the browser asks again.
    if (this.connection.signalingState !== "stable") {
      return;
    }
    await this.makeOffer();
  }

  private async makeOffer(): Promise<void> {
    const round = this.negotiation.offering();
    await this.connection.setLocalDescription();
    this.describe(round);
  }

  private async apply({ type, sdp, round }: Description): Promise<void> {
    const { connection, negotiation } = this;
    if (negotiation.receive(type, round, connection.signalingState) === "ignore") {
      return;
    }
    await connection.setRemoteDescription({ type, sdp: sdp ?? "" });
    for (const candidate of negotiation.applied()) {
      await this.add(candidate);
    }
    if (type === "offer") {
      await connection.setLocalDescription();
      this.describe(round);
    }
    this.lookAtPicture();
  }

  private describe(round: number | undefined): void {
    const { localDescription } = this.connection;
    if (localDescription && !this.closed) {
      const { type, sdp } = localDescription;
      this.events.describe({ type, sdp, ...(round !== undefined && { round }) });
    }
  }

  private async add(candidate: RTCIceCandidateInit): Promise<void> {
    try {
      await this.connection.addIceCandidate(candidate);
    } catch (error) {
      // One candidate less; the others may do.
      if (!this.negotiation.forgives() && !this.closed) {
        console.warn("candidate:", error);
      }
    }
  }

  private lookAtPicture(): void {
    const direction = this.transceiver("video")?.currentDirection;
    this.events.pictured(direction === "sendrecv" || direction === "recvonly");
  }

  private async changed(state: RTCPeerConnectionState): Promise<void> {
    clearTimeout(this.mend);
    const leave = this.initiator ? 0 : POLITE_MS;
    if (state === "connected") {
      clearTimeout(this.slow);
    } else if (state === "disconnected") {
      this.events.trouble("interrupted");
      this.mend = setTimeout(() => this.restart(), MEND_MS + leave);
    } else if (state === "failed") {
      clearTimeout(this.slow);
      this.events.trouble("failed");
      this.mend = setTimeout(() => this.restart(), leave);
    }
    if (state === "connected") {
      return this.connected();
    }
    const { report } = way(await this.connection.getStats());
    if (!this.closed) {
      this.events.report({ state, ...report });
    }
  }

  /** Tells by which way, which the statistics may know a little later than that there is one; and reports it once. */
  private async connected(): Promise<void> {
    this.listenForEnd();
    clearInterval(this.look);
    const first = way(await this.connection.getStats());
    if (!this.up()) {
      return;
    }
    this.events.connected(first.route);
    const found = first.route ? first : await this.wayOnceKnown();
    if (!this.up()) {
      return;
    }
    this.events.report({ state: "connected", ...found.report });
    if (found !== first) {
      this.events.connected(found.route);
    }
    this.watch(found.route);
  }

  private async wayOnceKnown(): Promise<Way> {
    let found: Way = { report: {} };
    for (let look = 0; look < SOON_LOOKS && !found.route && this.up(); look += 1) {
      await new Promise((resolve) => setTimeout(resolve, SOON_MS));
      found = way(await this.connection.getStats());
    }
    return found;
  }

  private up(): boolean {
    return !this.closed && this.connection.connectionState === "connected";
  }

  private listenForEnd(): void {
    for (const { transport } of this.connection.getSenders()) {
      if (transport) {
        transport.onstatechange = () => transport.state === "closed" && !this.closed && this.events.hungUp();
      }
    }
  }

  /** Tells when the call takes another way than before. */
  private watch(before: Route | undefined): void {
    clearInterval(this.look);
    this.look = setInterval(async () => {
      const { route } = way(await this.connection.getStats());
      if (this.up() && route !== before) {
        before = route;
        this.events.connected(route);
      }
    }, LOOK_MS);
  }
}

function trackOf(local: MediaStream, kind: string): MediaStreamTrack | null {
  return local.getTracks().find((track) => track.kind === kind && track.readyState === "live") ?? null;
}
