// Pods for tests: the real binary on a free port.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { after } from "node:test";

const binary = process.env.CHAT_BINARY;
if (!binary) throw new Error("CHAT_BINARY names no pod: run this with tests/clients/run node");

const started = [];
after(() => started.forEach((child) => child.kill("SIGKILL")));

/** Starts a pod with the settings given and the number of workers that CLUSTER_WORKERS says; it ends with the tests. */
export async function startPod(settings = {}) {
  const env = { ...process.env, HOST: "127.0.0.1", PORT: "0", LOG_FORMAT: "json", ...settings };
  const child = spawn(binary, { env, stdio: ["ignore", "pipe", "inherit"] });
  started.push(child);
  const exited = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    const { message, address } = JSON.parse(line);
    if (message !== "listening") continue;
    child.stdout.resume();
    return new Pod(child, exited, `http://${address}`);
  }
  throw new Error("the pod ended before it listened");
}

class Pod {
  constructor(child, exited, url) {
    Object.assign(this, { child, exited, url, port: new URL(url).port });
  }

  /** How full the pod is. */
  async connections() {
    return (await fetch(`${this.url}/health/connections`)).json();
  }

  /** Waits until the pod has this many connections. */
  async hasConnections(count) {
    while ((await this.connections()).active !== count) await sleep(20);
  }

  /** Asks the pod to end, as Kubernetes does. */
  terminate() {
    this.child.kill("SIGTERM");
  }

  /** Kills the pod, and returns once its port is free. */
  async kill() {
    this.child.kill("SIGKILL");
    await this.exited;
  }
}
