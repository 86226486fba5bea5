// A cable between clients and a pod, to be cut: neither side gets a word of it from the other.
import { connect, createServer } from "node:net";
import { once } from "node:events";
import { after } from "node:test";

const laid = [];
after(() => laid.forEach((wire) => wire.remove()));

/** Forwards TCP connections to the pod of this address; none while it is cut. */
export class Wire {
  static async to(url) {
    const wire = new Wire();
    wire.pod = Number(new URL(url).port);
    wire.ends = new Set();
    wire.isCut = false;
    wire.server = createServer((client) => wire.#forward(client)).listen(0, "127.0.0.1");
    laid.push(wire);
    await once(wire.server, "listening");
    wire.url = `http://127.0.0.1:${wire.server.address().port}`;
    return wire;
  }

  #forward(client) {
    if (this.isCut) return void client.destroy();
    const pod = connect(this.pod, "127.0.0.1");
    for (const [from, to] of [
      [client, pod],
      [pod, client],
    ]) {
      this.ends.add(from);
      from.setNoDelay(true);
      from.on("error", () => {});
      from.on("close", () => {
        this.ends.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }

  /** Breaks every connection, and those to come until it is mended. */
  cut() {
    this.isCut = true;
    for (const end of this.ends) end.destroy();
  }

  /** Forwards again, to the same pod or to another. */
  mend(url) {
    if (url) this.pod = Number(new URL(url).port);
    this.isCut = false;
  }

  remove() {
    this.server.close();
    this.cut();
  }
}
