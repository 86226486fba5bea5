// One of several workers that are one service over a Redis, as a service on Node's socket.io would write it with the
// adapter for Redis: whoever waits is in a list in Redis, and what one of a pair sends goes to the other, on whichever
// worker. It checks, limits, keeps and counts nothing, so that all that is measured is socket.io's and the adapter's own.
// Setting: REDIS_URL.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";

// What is asked of Redis in one turn of the loop goes out together: measured to be the cheapest way.
const redis = new Redis(process.env.REDIS_URL, { enableAutoPipelining: true });
// Who waits for the same, else nobody; then the asker waits.
redis.defineCommand("find", {
  numberOfKeys: 1,
  lua: `local other = redis.call("LPOP", KEYS[1])
        if not other then redis.call("RPUSH", KEYS[1], ARGV[1]) end
        return other`,
});

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  adapter: createAdapter(redis, new Redis(process.env.REDIS_URL)),
});

function pair(socket, partner, matchId, initiator) {
  socket.data.partner = partner;
  socket.emit("match_found", { matchId, peerId: partner, initiator });
}

function end(socket) {
  socket.data.partner = undefined;
  socket.emit("peer_disconnected", { reason: "left" });
}

const here = (id) => io.sockets.sockets.get(id);

// What the other workers say.
io.on("pair", (id, partner, matchId) => here(id) && pair(here(id), partner, matchId, true));
io.on("end", (id) => here(id) && end(here(id)));

function part(socket) {
  const { partner } = socket.data;
  if (!partner) return;
  socket.data.partner = undefined;
  if (here(partner)) end(here(partner));
  else io.serverSideEmit("end", partner);
}

async function find(socket, criteria) {
  const other = await redis.find(`waiting:${JSON.stringify(criteria)}`, socket.id);
  if (!other) {
    socket.emit("waiting", { position: 1 });
    return;
  }
  const matchId = randomUUID();
  if (here(other)) pair(here(other), socket.id, matchId, true);
  else io.serverSideEmit("pair", other, socket.id, matchId);
  pair(socket, other, matchId, false);
}

io.on("connection", (socket) => {
  socket.on("find_match", (criteria) => find(socket, criteria));
  for (const signal of ["webrtc_offer", "webrtc_answer", "webrtc_ice_candidate"]) {
    socket.on(signal, (payload) => {
      const { partner } = socket.data;
      if (!partner) return;
      if (here(partner)) here(partner).emit(signal, payload);
      else io.to(partner).emit(signal, payload);
    });
  }
  socket.on("leave_match", () => part(socket));
  socket.on("disconnect", () => part(socket));
});

// A backlog for clients that come at once, as the pod has it.
http.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`listening on 127.0.0.1:${http.address().port}`);
});
