import { describe, expect, test } from "vitest";
import { criteriaOf } from "../src/criteria";

describe("the criteria", () => {
  test("leave out what is empty", () => {
    expect(criteriaOf(new FormData())).toEqual({});
  });

  test("take at most ten interests, each once", () => {
    const form = new FormData();
    form.set("mode", "video");
    form.set("language", " en ");
    form.set("interests", `go, chess; go,, ${Array.from({ length: 20 }, (_, index) => `x${index}`).join(",")}`);
    const criteria = criteriaOf(form);
    expect(criteria).toMatchObject({ mode: "video", language: "en" });
    expect(criteria.interests).toHaveLength(10);
    expect(criteria.interests?.slice(0, 2)).toEqual(["go", "chess"]);
  });

  test("do not let in a mode that does not exist", () => {
    const form = new FormData();
    form.set("mode", "hologram");
    expect(criteriaOf(form)).toEqual({});
  });
});
