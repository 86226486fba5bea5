// The way that a call takes, read from the connection's statistics.

import type { IceReport } from "./contract";
import type { Route } from "./state";

export interface Way {
  report: Omit<IceReport, "state">;
  /** What to tell people. */
  route?: Route;
}

export function way(stats: RTCStatsReport): Way {
  const pair = selectedPair(stats);
  const local = pair && stats.get(pair.localCandidateId);
  if (!local) {
    return { report: {} };
  }
  const route = routeOf(local.candidateType, stats.get(pair.remoteCandidateId)?.candidateType);
  const rtt: unknown = pair.currentRoundTripTime;
  return {
    report: {
      candidateType: local.candidateType,
      ...(local.protocol && { protocol: local.protocol }),
      ...(typeof rtt === "number" && { rttMs: Math.round(rtt * 1000) }),
    },
    ...(route && { route }),
  };
}

/**
 * A relay or a router on either side is one on the way. A remote "prflx" says nothing: where a check comes ahead of the
 * candidate that it is from, every candidate looks like that.
 */
function routeOf(local: string, remote: string | undefined): Route | undefined {
  if (remote === "relay" || (remote === "srflx" && local === "host")) {
    return remote;
  }
  return local === "host" || local === "srflx" || local === "prflx" || local === "relay" ? local : undefined;
}

/** Not every browser names the pair in the transport's entry; then it is the nominated one. */
function selectedPair(stats: RTCStatsReport) {
  const entries = [...stats.values()];
  const transport = entries.find((entry) => entry.type === "transport" && entry.selectedCandidatePairId);
  return transport
    ? stats.get(transport.selectedCandidatePairId)
    : entries.find((entry) => entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded");
}

/** Frames decoded so far of the partner's picture. */
export function framesDecoded(stats: RTCStatsReport): number {
  return [...stats.values()]
    .filter((entry) => entry.type === "inbound-rtp" && entry.kind === "video")
    .reduce((frames, entry) => frames + (entry.framesDecoded ?? 0), 0);
}
