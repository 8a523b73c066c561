// Socket.IO on Node, with its default engine (ws). Environment: PORT, PING_INTERVAL (ms).
"use strict";
const http = require("node:http");
const { Server } = require("socket.io");

const { PORT = "3000", PING_INTERVAL = "25000" } = process.env;
const server = http.createServer();
const io = new Server(server, {
  pingInterval: Number(PING_INTERVAL),
  perMessageDeflate: false,
  serveClient: false,
});

// The memory page of Socket.IO's documentation: the first request of a session need not be kept.
io.engine.on("connection", (session) => {
  session.request = null;
});

const bench = io.of("/bench");
bench.on("connection", (socket) => {
  socket.on("join", (room, done) => {
    socket.join(room);
    done();
  });
  socket.on("pub", (room, payload) => bench.to(room).emit("msg", payload));
  socket.on("echo", (payload, answer) => answer(payload));
});

// A backlog as long as the generator's storm, so that no dial waits for a retransmitted SYN.
server.listen({ port: Number(PORT), host: "127.0.0.1", backlog: 4096 });
