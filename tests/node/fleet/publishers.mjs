// Backends that publish numbered events to a room, one after the other: by the HTTP API, or by an emitter through Redis.
import { Emitter } from "@socket.io/redis-emitter";
import { connect } from "../cluster/adapters.mjs";
import { StreamsEmitter } from "../cluster/streams-emitter.mjs";
import { append } from "./ranges.mjs";

// Publishes each number by `send` every so many milliseconds; it returns why a number was not taken, if it was not. Of what is
// published at most once (`sure` is false) no number is taken for sure.
export function backend(room, every, send, sure = true) {
  const kept = { room, next: 0, acked: [], failures: [] };
  const call = async () => {
    const number = ++kept.next;
    try {
      const failure = await send(number);
      if (failure) kept.failures.push(failure);
      else if (sure) append(kept.acked, number);
    } catch (error) {
      kept.failures.push(String(error.cause ?? error));
    }
    if (!kept.ended) kept.timer = setTimeout(call, every);
  };
  kept.timer = setTimeout(call, 0);
  return kept;
}

// An answer that other nodes did not get the event is a failure too.
export function http({ url, key, namespace, rooms, event }, args) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  return async (number) => {
    const body = JSON.stringify({ namespace, rooms, event, args: args(number) });
    const answer = await fetch(`${url}/v1/emit`, { method: "POST", headers, body });
    const text = await answer.text();
    return answer.ok && !JSON.parse(text).degraded ? undefined : `${answer.status} ${text}`;
  };
}

// `kind` is `classic` or `streams`.
export async function emitter({ kind, redis, namespace, rooms, event }, args) {
  const client = await connect(redis, "emitter");
  // It waits for no answer, and so hears of no failure.
  const careless = { publish: (channel, message) => client.publish(channel, message).catch(() => {}) };
  const emitters = {
    classic: () => new Emitter(careless),
    streams: () => new StreamsEmitter(client, { streamName: "socket.io" }),
  };
  const target = emitters[kind]().of(namespace).to(rooms);
  return async (number) => void (await target.emit(event, ...args(number)));
}
