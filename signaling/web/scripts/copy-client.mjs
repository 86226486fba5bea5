// The client bundles that `<script src="/socket.io/socket.io.js">` gets, as socket.io's own server serves them.
import { copyFile, mkdir } from "node:fs/promises";

const from = new URL("../node_modules/socket.io-client/dist/", import.meta.url);
const to = new URL("../dist/socket.io/", import.meta.url);
const names = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];

await mkdir(to, { recursive: true });
for (const name of names) {
  await copyFile(new URL(name, from), new URL(name, to));
  await copyFile(new URL(`${name}.map`, from), new URL(`${name}.map`, to));
}
