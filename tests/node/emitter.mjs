// The emitters of Socket.IO for Redis, driven by lines on stdin (tests/src/emitter.rs).
// Usage: node emitter.mjs '{"kind": "classic" | "streams", "redis", "prefix", "stream", "streamCount"}'.
import { Emitter } from "@socket.io/redis-emitter";
import { connect } from "./cluster/adapters.mjs";
import { serve } from "./cluster/json.mjs";
import { StreamsEmitter } from "./cluster/streams-emitter.mjs";

const { kind, redis, prefix, stream, streamCount } = JSON.parse(process.argv[2]);
const client = await connect(redis, "emitter");
const emitters = {
  classic: () => new Emitter(client, { key: prefix }),
  streams: () => new StreamsEmitter(client, { streamName: stream, streamCount }),
};
const emitter = emitters[kind]();

// Each call publishes without waiting; an order kept by Redis is kept by the connection.
await serve({
  emit: (operation) => void target(operation).emit(operation.event, ...operation.args),
  socketsJoin: (operation) => target(operation).socketsJoin(operation.join),
  socketsLeave: (operation) => target(operation).socketsLeave(operation.leave),
  disconnectSockets: (operation) => target(operation).disconnectSockets(operation.close),
  serverSideEmit: ({ namespace, event, args }) => emitter.of(namespace).serverSideEmit(event, ...args),
});

function target({ namespace, rooms = [], except = [], volatile = false }) {
  const all = emitter.of(namespace).to(rooms).except(except);
  return volatile ? all.volatile : all;
}
