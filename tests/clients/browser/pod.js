// Pods of the tests' own: each with the settings that its test needs, on a free port.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Settings with which both sides notice within two seconds that the other says nothing any more. */
export const WATCHFUL = { SOCKET_IO_PING_INTERVAL: "1000", SOCKET_IO_PING_TIMEOUT: "1000" };

const binary = process.env.CHAT_BINARY ?? fileURLToPath(new URL("../../../target/debug/signaling", import.meta.url));
const running = new Set();

/** Starts a pod and waits until it listens. No STUN: the two browsers are on one machine. */
export async function startPod(settings = {}) {
  const pod = spawn(binary, [], {
    env: { ...process.env, HOST: "127.0.0.1", PORT: "0", STUN_URLS: "", LOG_FORMAT: "json", LOG_LEVEL: "info", ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.add(pod);
  const exited = new Promise((resolve) => pod.once("exit", (code, signal) => resolve(code ?? signal)));
  void exited.then(() => running.delete(pod));
  const address = await Promise.race([listening(pod), failure(pod, exited)]);
  return {
    url: `http://${address}`,
    port: Number(address.split(":").at(-1)),
    /** Ends the pod and answers how it ended. */
    stop(signal = "SIGKILL") {
      pod.kill(signal);
      return exited;
    },
    exited,
  };
}

/** No test leaves a pod behind, not even one that was broken off. */
process.once("exit", () => {
  for (const pod of running) {
    pod.kill("SIGKILL");
  }
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => process.exit(1));
}

function listening(pod) {
  return new Promise((resolve) => {
    createInterface({ input: pod.stdout }).on("line", (line) => {
      const [, address] = /"message":"listening","address":"([^"]+)"/.exec(line) ?? [];
      if (address) {
        resolve(address);
      }
    });
  });
}

async function failure(pod, exited) {
  const error = new Promise((resolve) => pod.once("error", resolve));
  const how = await Promise.race([exited, error]);
  throw new Error(`the pod ${binary} did not start: ${how instanceof Error ? how.message : how}`);
}
