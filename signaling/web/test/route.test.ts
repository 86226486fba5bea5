import { describe, expect, test } from "vitest";
import { framesDecoded, way } from "../src/route";

function stats(...entries: { id: string; [field: string]: unknown }[]): RTCStatsReport {
  return new Map(entries.map((entry) => [entry.id, entry])) as unknown as RTCStatsReport;
}

const pair = { id: "pair", type: "candidate-pair", localCandidateId: "near", remoteCandidateId: "far", currentRoundTripTime: 0.0421 };
const near = { id: "near", type: "local-candidate", candidateType: "host", protocol: "udp" };
const far = { id: "far", type: "remote-candidate", candidateType: "relay" };

describe("the way of a call", () => {
  test("is read from the pair that the transport names, and a relay on either side is one", () => {
    const transport = { id: "t", type: "transport", selectedCandidatePairId: "pair" };
    expect(way(stats(transport, pair, near, far))).toEqual({
      report: { candidateType: "host", protocol: "udp", rttMs: 42 },
      route: "relay",
    });
  });

  test("is read from the nominated pair where the transport names none", () => {
    const nominated = { ...pair, nominated: true, state: "succeeded" };
    expect(way(stats({ id: "t", type: "transport" }, nominated, near, far)).report.candidateType).toBe("host");
  });

  test("leads through a router when one side says so, and not because a check came ahead of its candidate", () => {
    const nominated = { ...pair, nominated: true, state: "succeeded" };
    const route = (local: string, remote: string) =>
      way(stats(nominated, { ...near, candidateType: local }, { ...far, candidateType: remote })).route;
    expect([route("host", "host"), route("host", "prflx"), route("host", "srflx"), route("prflx", "host")]).toEqual([
      "host", "host", "srflx", "prflx",
    ]);
  });

  test("is unknown before there is one", () => {
    expect(way(stats())).toEqual({ report: {} });
  });

  test("counts the frames of pictures only", () => {
    const entries = stats(
      { id: "a", type: "inbound-rtp", kind: "video", framesDecoded: 7 },
      { id: "b", type: "inbound-rtp", kind: "audio" },
      { id: "c", type: "inbound-rtp", kind: "video" },
    );
    expect(framesDecoded(entries)).toBe(7);
  });
});
