import { beforeEach, describe, expect, test } from "vitest";
import type { Ack } from "../src/contract";
import { Signals, type Signal } from "../src/signals";

describe("the signals of a call", () => {
  const offer: Signal = { event: "webrtc_offer", payload: { matchId: "m", type: "offer", sdp: "v=0" } };
  const candidate: Signal = { event: "webrtc_ice_candidate", payload: { matchId: "m", candidate: "candidate:1" } };
  let sent: Signal[];
  let answers: ((ack: Ack) => void)[];
  let refusals: string[];
  let signals: Signals;

  beforeEach(() => {
    [sent, answers, refusals] = [[], [], []];
    signals = new Signals({
      emit: (signal, answered) => {
        sent.push(signal);
        answers.push(answered);
      },
      refused: ({ code }) => refusals.push(code),
    });
  });

  test("are sent once where they are acknowledged", () => {
    signals.send(offer);
    answers[0]?.({ ok: true });
    signals.hold();
    signals.resume(false);
    expect(sent).toEqual([offer]);
  });

  test("are sent again, in order, where the connection broke before the acknowledgement", () => {
    signals.send(offer);
    signals.send(candidate);
    signals.hold();
    signals.resume(false);
    expect(sent).toEqual([offer, candidate, offer, candidate]);
  });

  test("wait for the next connection", () => {
    signals.hold();
    signals.send(offer);
    expect(sent).toEqual([]);
    signals.resume(false);
    expect(sent).toEqual([offer]);
  });

  test("are forgotten where both sides start over", () => {
    signals.send(offer);
    signals.hold();
    signals.resume(true);
    signals.send(candidate);
    expect(sent).toEqual([offer, candidate]);
  });

  test("are refused once, and not sent again then", () => {
    signals.send(offer);
    answers[0]?.({ ok: false, error: { code: "unavailable", message: "" } });
    signals.resume(false);
    expect(refusals).toEqual(["unavailable"]);
    expect(sent).toEqual([offer]);
  });

  test("end with their call", () => {
    signals.send(offer);
    signals.end();
    signals.send(candidate);
    expect(sent).toEqual([offer]);
    answers[0]?.({ ok: false, error: { code: "internal", message: "" } });
    expect(refusals).toEqual([]);
  });
});
