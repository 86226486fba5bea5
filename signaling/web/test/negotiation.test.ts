import { describe, expect, test } from "vitest";
import { Negotiation } from "../src/negotiation";

describe("the negotiation", () => {
  const candidate = { candidate: "candidate:1", sdpMid: "0" };

  test("holds candidates until there is a description", () => {
    const negotiation = new Negotiation(true);
    expect(negotiation.admit(candidate)).toBe(false);
    expect(negotiation.receive("offer", 1, "stable")).toBe("apply");
    expect(negotiation.applied()).toEqual([candidate]);
    expect(negotiation.admit(candidate)).toBe(true);
  });

  test("holds no more of them than a call needs", () => {
    const negotiation = new Negotiation(true);
    for (let count = 0; count < 100; count += 1) {
      negotiation.admit(candidate);
    }
    expect(negotiation.applied()).toHaveLength(64);
  });

  test("lets the polite side give way when both offer", () => {
    expect(new Negotiation(true).receive("offer", 1, "have-local-offer")).toBe("apply");
    const impolite = new Negotiation(false);
    expect(impolite.receive("offer", 1, "have-local-offer")).toBe("ignore");
    expect(impolite.forgives()).toBe(true);
    impolite.applied();
    expect(impolite.forgives()).toBe(false);
  });

  test("ignores an answer that nobody waits for", () => {
    expect(new Negotiation(true).receive("answer", undefined, "stable")).toBe("ignore");
  });

  test("ignores the answer to an offer that was made anew, and trusts clients that do not number theirs", () => {
    const negotiation = new Negotiation(false);
    const [first, second] = [negotiation.offering(), negotiation.offering()];
    expect(negotiation.receive("answer", first, "have-local-offer")).toBe("ignore");
    expect(negotiation.receive("answer", second, "have-local-offer")).toBe("apply");
    expect(negotiation.receive("answer", undefined, "have-local-offer")).toBe("apply");
  });
});
