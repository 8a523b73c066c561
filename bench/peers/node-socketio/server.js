// Socket.IO on Node, with its default engine (ws). Environment: PORT, PING_INTERVAL (ms); REDIS_URL makes it one server of a
// cluster, REDIS_MODE (classic, sharded, streams) says which of Socket.IO's adapters it uses, each with its default settings.
"use strict";
const http = require("node:http");
const { Server } = require("socket.io");

const { PORT = "3000", PING_INTERVAL = "25000", REDIS_URL, REDIS_MODE = "classic" } = process.env;

// The adapter's constructor; without a Redis, Socket.IO's own. The modules are loaded only where they are used.
async function adapter() {
  if (!REDIS_URL) return undefined;
  const { createClient } = require("redis");
  const client = createClient({ url: REDIS_URL });
  // Without a listener an error of the connection would end the process.
  client.on("error", (error) => console.error(error.message));
  await client.connect();
  const subscriber = async () => {
    const second = client.duplicate();
    second.on("error", (error) => console.error(error.message));
    await second.connect();
    return second;
  };
  switch (REDIS_MODE) {
    case "classic":
      return require("@socket.io/redis-adapter").createAdapter(client, await subscriber());
    case "sharded":
      return require("@socket.io/redis-adapter").createShardedAdapter(client, await subscriber());
    case "streams":
      return require("@socket.io/redis-streams-adapter").createAdapter(client);
    default:
      throw new Error(`REDIS_MODE ${REDIS_MODE}: classic, sharded or streams`);
  }
}

async function main() {
  const server = http.createServer();
  const io = new Server(server, {
    pingInterval: Number(PING_INTERVAL),
    perMessageDeflate: false,
    serveClient: false,
    adapter: await adapter(),
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
    socket.on("leave", (room, done) => {
      socket.leave(room);
      done();
    });
    socket.on("pub", (room, payload) => bench.to(room).emit("msg", payload));
    socket.on("echo", (payload, answer) => answer(payload));
  });

  // A backlog as long as the generator's storm, so that no dial waits for a retransmitted SYN.
  server.listen({ port: Number(PORT), host: "127.0.0.1", backlog: 4096 });
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
