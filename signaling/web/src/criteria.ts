// From the form to the criteria of `find_match`.

import type { Criteria, Mode } from "./contract";

const MODES: readonly string[] = ["video", "audio", "text"] satisfies Mode[];
const MAX_INTERESTS = 10;
const MAX_LENGTH = 64;

/** The criteria that a filled-in form means; fields that are empty are left out. */
export function criteriaOf(form: FormData): Criteria {
  const field = (name: string) => String(form.get(name) ?? "").trim();
  const interests = field("interests")
    .split(/[,;]/)
    .map((interest) => interest.trim().slice(0, MAX_LENGTH))
    .filter((interest, index, all) => interest !== "" && all.indexOf(interest) === index)
    .slice(0, MAX_INTERESTS);
  const mode = field("mode");
  return {
    ...(MODES.includes(mode) && { mode: mode as Mode }),
    ...(field("language") && { language: field("language") }),
    ...(field("region") && { region: field("region") }),
    ...(interests.length > 0 && { interests }),
  };
}
