// Why no connection came about, as far as the transport tells.

import type { Link } from "./state";

/** What a failed attempt to connect means. `final`: the client gives up. */
export function refusal(error: Error & { description?: unknown }, final: boolean): Link {
  if (final) {
    return "refused";
  }
  // What may pass is refused at the handshake: full, going away, or too many connections from one address.
  return error.description === 503 || error.description === 429 ? "busy" : "unreachable";
}
