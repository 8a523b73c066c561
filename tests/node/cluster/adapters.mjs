// The three adapters of Socket.IO for Redis, and when each has all its subscriptions.
import { createAdapter as classic, createShardedAdapter as sharded } from "@socket.io/redis-adapter";
import { createAdapter as streams } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";

// A client of node-redis that survives an outage of Redis; `name` shows in CLIENT LIST.
export async function connect(url, name) {
  const client = createClient({ url, name, socket: { reconnectStrategy: (tries) => Math.min(tries * 20, 200) } });
  client.on("error", () => {});
  await client.connect();
  return client;
}

// Parameters: mode, redis, prefix, stream, streamCount, subscriptionMode, specificResponses, requestsTimeout.
export async function make(parameters) {
  const { mode, redis, prefix, stream, streamCount = 1, subscriptionMode } = parameters;
  const name = `node-${process.pid}`;
  const client = await connect(redis, name);
  if (mode === "streams") {
    // A reader without any entry yet starts anew at `$` after each block, and misses what came
    // between: one long block keeps the first entry from being lost.
    const options = { streamName: stream, streamCount, channelPrefix: prefix, blockTimeInMs: 60_000 };
    return { adapter: streams(client, options), listening: () => reading(client, name, streamCount) };
  }
  const subscriber = await connect(redis, name);
  if (mode === "sharded") {
    const adapter = sharded(client, subscriber, { channelPrefix: prefix, subscriptionMode });
    return { adapter, listening: (namespaces) => answerable(client, namespaces) };
  }
  if (mode !== "classic") throw new Error(`no mode ${mode}`);
  const { requestsTimeout, specificResponses } = parameters;
  const options = { key: prefix, requestsTimeout, publishOnSpecificResponseChannel: specificResponses };
  return { adapter: classic(client, subscriber, options), listening: () => true };
}

// Whether each stream has a reader that waits for entries.
async function reading(client, name, streamCount) {
  const lines = (await client.sendCommand(["CLIENT", "LIST"])).split("\n");
  return lines.filter((line) => line.includes(` name=${name} `) && line.includes(" cmd=xread ")).length === streamCount;
}

// Whether the channels of answers are subscribed too.
async function answerable(client, namespaces) {
  const channels = namespaces.map((namespace) => namespace.adapter.responseChannel);
  const counts = await client.sendCommand(["PUBSUB", "SHARDNUMSUB", ...channels]);
  return channels.every((_, index) => Number(counts[2 * index + 1]) === 1);
}
