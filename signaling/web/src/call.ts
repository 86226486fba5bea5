// One call: an RTCPeerConnection, and what it says to the other side.

import type { Candidate, Description, IceReport } from "./contract";
import { Negotiation } from "./negotiation";
import type { Route } from "./state";

export interface CallEvents {
  describe(description: RTCSessionDescription): void;
  candidate(candidate: RTCIceCandidateInit): void;
  remote(stream: MediaStream): void;
  media(up: boolean, route?: Route): void;
  report(report: IceReport): void;
}

export class Call {
  readonly connection: RTCPeerConnection;
  private readonly negotiation: Negotiation;
  private readonly remote = new MediaStream();
  private closed = false;
  /** Descriptions and candidates are taken one after the other, as they came. */
  private turn: Promise<void> = Promise.resolve();

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
    for (const track of local.getTracks()) {
      this.connection.addTrack(track, local);
    }
    if (initiator) {
      this.receiveWhatIsMissing(local);
    }
  }

  /** Puts another picture or sound in the place of the present one, without a new negotiation. */
  async replace(local: MediaStream): Promise<void> {
    for (const sender of this.connection.getSenders()) {
      const track = local.getTracks().find((candidate) => candidate.kind === sender.track?.kind);
      if (track) {
        await sender.replaceTrack(track);
      }
    }
  }

  /** Starts over after signals may have been lost. One side is enough. */
  restart(): void {
    if (this.initiator) {
      this.connection.restartIce();
    }
  }

  setServers(iceServers: RTCIceServer[]): void {
    this.connection.setConfiguration({ ...this.connection.getConfiguration(), iceServers });
  }

  takeDescription(description: Description): void {
    this.enqueue(() => this.apply(description));
  }

  takeCandidate({ matchId: _, ...candidate }: Candidate): void {
    this.enqueue(async () => {
      if (this.negotiation.admit(candidate)) {
        await this.add(candidate);
      }
    });
  }

  close(): void {
    this.closed = true;
    this.connection.close();
  }

  /** Frames decoded so far of the partner's picture. */
  async framesDecoded(): Promise<number> {
    let frames = 0;
    for (const entry of (await this.connection.getStats()).values()) {
      if (entry.type === "inbound-rtp" && entry.kind === "video") {
        frames += entry.framesDecoded ?? 0;
      }
    }
    return frames;
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
      if (candidate) {
        events.candidate(candidate.toJSON());
      }
    };
    connection.ontrack = ({ track }) => {
      this.remote.addTrack(track);
      events.remote(this.remote);
    };
    connection.onconnectionstatechange = () => void this.changed(connection.connectionState);
  }

  /** Without a camera of one's own there is still someone to see. */
  private receiveWhatIsMissing(local: MediaStream): void {
    for (const kind of ["audio", "video"]) {
      if (!local.getTracks().some((track) => track.kind === kind)) {
        this.connection.addTransceiver(kind, { direction: "recvonly" });
      }
    }
  }

  private enqueue(work: () => Promise<void>): void {
    this.turn = this.turn
      .then(() => (this.closed ? undefined : work()))
      .catch((error: unknown) => console.warn("negotiation:", error));
  }

  private async offer(): Promise<void> {
    try {
      this.negotiation.makingOffer = true;
      await this.connection.setLocalDescription();
      this.describe();
    } finally {
      this.negotiation.makingOffer = false;
    }
  }

  private async apply(description: Description): Promise<void> {
    const { connection, negotiation } = this;
    if (negotiation.receive(description.type, connection.signalingState) === "ignore") {
      return;
    }
    await connection.setRemoteDescription({ type: description.type, sdp: description.sdp ?? "" });
    for (const candidate of negotiation.applied()) {
      await this.add(candidate);
    }
    if (description.type === "offer") {
      await connection.setLocalDescription();
      this.describe();
    }
  }

  private describe(): void {
    if (this.connection.localDescription) {
      this.events.describe(this.connection.localDescription);
    }
  }

  private async add(candidate: RTCIceCandidateInit): Promise<void> {
    try {
      await this.connection.addIceCandidate(candidate);
    } catch (error) {
      if (!this.negotiation.forgives()) {
        throw error;
      }
    }
  }

  private async changed(state: RTCPeerConnectionState): Promise<void> {
    if (state === "failed") {
      this.restart();
    }
    const report = await this.measure(state);
    if (this.closed) {
      return;
    }
    this.events.report(report);
    if (state === "connected") {
      this.events.media(true, report.candidateType as Route | undefined);
    } else if (state === "disconnected" || state === "failed") {
      this.events.media(false);
    }
  }

  private async measure(state: string): Promise<IceReport> {
    const stats = await this.connection.getStats();
    for (const entry of stats.values()) {
      const selected = entry.type === "transport" && stats.get(entry.selectedCandidatePairId);
      const local = selected && stats.get(selected.localCandidateId);
      if (local) {
        const rtt = selected.currentRoundTripTime;
        return {
          state,
          candidateType: local.candidateType,
          protocol: local.protocol,
          ...(typeof rtt === "number" && { rttMs: Math.round(rtt * 1000) }),
        };
      }
    }
    return { state };
  }
}
