// A real Redis for a test: the server of the machine, on a free port.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";

/** How often another port is tried, where somebody else has taken one first. */
const TRIES = 5;

/** Starts a server that keeps nothing on disk, and waits until it serves. */
export async function startRedis() {
  for (let left = TRIES; ; left -= 1) {
    const port = await freePort();
    const server = spawn("redis-server", [
      ...["--port", port, "--bind", "127.0.0.1"],
      ...["--save", "", "--appendonly", "no", "--dir", tmpdir()],
    ], { stdio: ["ignore", "pipe", "inherit"] });
    // Not even a test that was broken off leaves it behind.
    const kill = () => server.kill("SIGKILL");
    process.once("exit", kill);
    const exited = new Promise((resolve) => server.once("exit", resolve));
    if (await Promise.race([serves(server), exited.then(() => false)])) {
      return {
        url: `redis://127.0.0.1:${port}`,
        async stop() {
          kill();
          await exited;
        },
      };
    }
    process.off("exit", kill);
    if (left === 1) {
      throw new Error(`redis-server does not serve on ${port}`);
    }
  }
}

/** By its own word: a connection may be somebody else's, who has taken the port. */
async function serves(server) {
  const missing = new Promise((_, reject) => {
    server.once("error", () => reject(new Error("there is no `redis-server`. On Debian: apt-get install redis-server")));
  });
  const ready = new Promise((resolve) => {
    createInterface({ input: server.stdout }).on("line", (line) => {
      if (line.includes("Ready to accept connections")) {
        resolve(true);
      }
    });
  });
  return Promise.race([ready, missing]);
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}
