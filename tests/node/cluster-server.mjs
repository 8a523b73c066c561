// A Socket.IO server on one of the adapters for Redis: a Node member of a cluster (tests/src/cluster).
// Usage: node cluster-server.mjs '{"name", "port", "mode", "redis", …}' (cluster/adapters.mjs); prints {"port", "control"}.
// Clients may `join`, `leave`, `publish` and `echo`; the test posts operations to the control port.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Server } from "socket.io";
import { make } from "./cluster/adapters.mjs";
import { perform } from "./cluster/json.mjs";

// An adapter publishes without waiting for Redis: when that fails, nobody is there to catch it.
process.on("unhandledRejection", (reason) => console.error("unhandled", reason));

const parameters = JSON.parse(process.argv[2]);
const { adapter, listening } = await make(parameters);
const http = createServer();
const io = new Server(http, { adapter, connectionStateRecovery: parameters.recovery ?? undefined });
const namespaces = ["/", "/chat"].map((name) => io.of(name));
const told = [];

for (const namespace of namespaces) {
  namespace.on("connection", (socket) => {
    socket.data.name = socket.handshake.auth.name;
    socket.on("join", (room, ack) => {
      socket.join(`room-${room}`);
      ack();
    });
    socket.on("leave", (room, ack) => {
      socket.leave(`room-${room}`);
      ack();
    });
    socket.on("publish", (room, ...payload) => {
      const ack = payload.pop();
      socket.to(`room-${room}`).emit("publish", room, ...payload);
      ack();
    });
    socket.on("echo", (...args) => args.pop()(...args));
  });
  // What other servers emit to this one.
  namespace.on("told", (...args) => void told.push({ namespace: namespace.name, args }));
  namespace.on("asked", (...args) => args.pop()({ node: parameters.name, got: args[0] }));
}

const operations = {
  emit(operation) {
    target(operation).emit(operation.event, ...operation.args);
  },

  emitWithAck(operation) {
    return gather((done) => target(operation).timeout(operation.timeout).emit(operation.event, ...operation.args, done));
  },

  async fetchSockets(operation) {
    const found = await target(operation).timeout(parameters.requestsTimeout).fetchSockets();
    return found.map(({ id, rooms, data, handshake }) => ({ id, rooms: [...rooms], data, handshake }));
  },

  async sockets({ namespace, rooms = [] }) {
    return [...(await io.of(namespace).adapter.sockets(new Set(rooms)))];
  },

  // Of the cluster where the adapter can tell it, else as its sockets tell it.
  async allRooms({ namespace }) {
    const { adapter, name } = io.of(namespace);
    if (adapter.allRooms) return [...(await adapter.allRooms())];
    return [...new Set((await io.of(name).fetchSockets()).flatMap((socket) => [...socket.rooms]))];
  },

  socketsJoin: (operation) => target(operation).socketsJoin(operation.join),
  socketsLeave: (operation) => target(operation).socketsLeave(operation.leave),
  disconnectSockets: (operation) => target(operation).disconnectSockets(operation.close),

  serverSideEmit({ namespace, event, args }) {
    io.of(namespace).serverSideEmit(event, ...args);
  },

  serverSideEmitWithAck({ namespace, event, args }) {
    return gather((done) => io.of(namespace).serverSideEmit(event, ...args, done));
  },

  told: () => told,
  connected: () => namespaces.reduce((sum, namespace) => sum + namespace.sockets.size, 0),

  // How many servers each namespace counts, once all that this one needs to hear them is in place.
  async servers() {
    const counts = await Promise.all(namespaces.map((namespace) => namespace.adapter.serverCount()));
    return { counts, listening: await listening(namespaces) };
  },
};

function target({ namespace, rooms = [], except = [], volatile = false }) {
  const all = volatile ? io.of(namespace).volatile : io.of(namespace);
  return all.to(rooms).except(except);
}

// What was answered, and whether that is all.
function gather(start) {
  return new Promise((resolve) => start((error, answers) => resolve({ answers: answers ?? error.responses, complete: !error })));
}

const control = createServer(async (request, response) => {
  const answer = await perform(operations, JSON.parse(await text(request)));
  response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
});
http.listen(parameters.port, "127.0.0.1", () =>
  control.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port, control: control.address().port }))),
);
