// A way to the pod that the test can break.

import { createServer, connect } from "node:net";

/** Listens on a free port and hands everything on to the pod's. */
export async function startProxy(to) {
  const pairs = new Set();
  let refusing = false;
  let stalled = false;
  let target = to;
  let trigger;

  const server = createServer((near) => {
    if (refusing) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(target, "127.0.0.1");
    const pair = { near, far };
    pairs.add(pair);
    near.pipe(far).pipe(near);
    far.on("data", (bytes) => {
      // Already on its way to the client, and the last thing that is.
      if (trigger !== undefined && bytes.includes(trigger)) {
        trigger = undefined;
        stall();
      }
    });
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on("error", () => undefined);
      one.on("close", () => {
        pairs.delete(pair);
        other.destroy();
      });
    }
    if (stalled) {
      hold(pair);
    }
  });
  // A test that fails before it closes its proxy is not to keep the others from ending.
  server.unref();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();

  /** Connections stay open, and nothing arrives any more: a dead network that nobody has noticed. */
  function stall() {
    stalled = true;
    pairs.forEach(hold);
  }

  return {
    url: `http://127.0.0.1:${port}`,
    /** Breaks every connection and takes no new one. */
    cut() {
      refusing = true;
      pairs.forEach(reset);
    },
    stall,
    /** Stalls as soon as the pod has said this. */
    stallAfter(words) {
      trigger = words;
    },
    /** New connections work again; those that were stalled are found to be dead. */
    restore() {
      refusing = false;
      if (stalled) {
        stalled = false;
        pairs.forEach(reset);
      }
    },
    /** Another pod stands behind the address from now on. */
    lead(port) {
      target = port;
    },
    close() {
      this.cut();
      server.close();
    },
  };
}

function reset({ near, far }) {
  near.resetAndDestroy();
  far.resetAndDestroy();
}

function hold({ near, far }) {
  near.unpipe(far);
  far.unpipe(near);
  near.pause();
  far.pause();
}
