// The relay of the pod, as a service on Node's socket.io would write it: people are paired, and what one of a pair sends
// goes to the other. It checks, limits, keeps and counts nothing, so that all that is measured is socket.io's own.
// Settings: PING_INTERVAL_MS, PING_TIMEOUT_MS.

import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  pingInterval: Number(process.env.PING_INTERVAL_MS ?? 25_000),
  pingTimeout: Number(process.env.PING_TIMEOUT_MS ?? 20_000),
});

let waiting;
let matches = 0;

function pair(initiator, other) {
  matches += 1;
  const matchId = `match-${matches}`;
  for (const [socket, partner] of [[initiator, other], [other, initiator]]) {
    socket.data.partner = partner;
    socket.emit("match_found", { matchId, peerId: partner.id, initiator: socket === initiator });
  }
}

function part(socket) {
  if (waiting === socket) waiting = undefined;
  const { partner } = socket.data;
  if (!partner) return;
  socket.data.partner = undefined;
  partner.data.partner = undefined;
  partner.emit("peer_disconnected", { reason: "left" });
}

io.on("connection", (socket) => {
  socket.on("find_match", () => {
    if (waiting) {
      const other = waiting;
      waiting = undefined;
      pair(other, socket);
    } else {
      waiting = socket;
      socket.emit("waiting", { position: 1 });
    }
  });
  for (const signal of ["webrtc_offer", "webrtc_answer", "webrtc_ice_candidate"]) {
    socket.on(signal, (payload) => socket.data.partner?.emit(signal, payload));
  }
  socket.on("leave_match", () => part(socket));
  socket.on("disconnect", () => part(socket));
});

// A backlog for clients that come at once, as the pod has it.
http.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`listening on 127.0.0.1:${http.address().port}`);
});
