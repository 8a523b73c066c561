// A crowd of socket.io-client sockets in front of a fleet whose pods come and go (tests/src/kubernetes/load.rs). Each keeps, for each
// publisher, which numbers it has received, in the order of arrival, as ranges [first, last]; publishers are clients among them, or a
// backend that posts. When connections were lost and when they were there again is kept too, in milliseconds of this process's clock.
// Usage: node fleet-clients.mjs '{"join", "prefix"}': the event by which a client joins a room, and how the rules name that room.
import { io } from "socket.io-client";
import { serve } from "./cluster/json.mjs";
import { Figures } from "./fleet/figures.mjs";
import { backend, emitter, http } from "./fleet/publishers.mjs";
import { append, has } from "./fleet/ranges.mjs";

const { join = "join", prefix = "room-" } = JSON.parse(process.argv[2]);

const PATIENCE = 25000;
// So many connect at once.
const BATCH = 25;
const clients = new Map();
const backends = new Map();
const trace = { lost: [], back: [] };
const figures = new Figures();

const target = (namespace, room) => ({ namespace, rooms: [prefix + room], event: "publish" });
const args = (room, name) => (number) => [room, name, number, performance.now()];

await serve({
  async connect({ name, count, url, namespace = "/", rooms = [], options = {} }) {
    for (let from = 0; from < count; from += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, count - from) }, (_, index) => `${name}-${from + index}`);
      await Promise.all(batch.map((each) => connect(each, url + namespace, rooms, options)));
    }
  },

  // Lets a client publish to a room every so many milliseconds, numbered from 1.
  publish({ name, room, every }) {
    const kept = client(name);
    Object.assign(kept, { room, next: 0, acked: [] });
    kept.timer = setInterval(() => {
      if (!kept.socket.connected) return;
      const number = ++kept.next;
      kept.socket.emit("publish", room, name, number, () => append(kept.acked, number));
    }, every);
  },

  // Lets a backend emit to a room by the HTTP API, one call after the other.
  post({ name, url, key, namespace, room, every }) {
    backends.set(name, backend(room, every, http({ url, key, ...target(namespace, room) }, args(room, name))));
  },

  // Lets an emitter do so through Redis.
  async emit({ name, kind, redis, namespace, room, every }) {
    const send = await emitter({ kind, redis, ...target(namespace, room) }, args(room, name));
    // A channel is heard by whoever listens just then.
    backends.set(name, backend(room, every, send, kind !== "classic"));
  },

  hush() {
    for (const { timer } of clients.values()) clearInterval(timer);
    for (const kept of backends.values()) {
      kept.ended = true;
      clearTimeout(kept.timer);
    }
  },

  // Of each publisher the last number, and those that were acknowledged.
  published() {
    const publishers = [...clients, ...backends].filter(([, { next }]) => next !== undefined);
    return Object.fromEntries(publishers.map(([name, { room, next, acked, failures = [] }]) => [name, { room, last: next, acked, failures }]));
  },

  crowd() {
    const view = ({ rooms, ledger, ready, reasons, recovered, since }) => ({ rooms, ledger, ready, reasons, recovered, since });
    return Object.fromEntries([...clients].map(([name, kept]) => [name, view(kept)]));
  },

  // Asks by a client; the arguments of the ack.
  ask({ name, event, args }) {
    const { socket } = client(name);
    return new Promise((resolve, reject) => {
      socket.timeout(PATIENCE).emit(event, ...args, (error, ...answer) => (error ? reject(error) : resolve(answer)));
    });
  },

  trace: () => ({ ...trace, now: performance.now() }),

  figures: () => figures.take(),

  // Disconnects the clients `<name>-<index>` and forgets them.
  leave({ name }) {
    for (const [each, { socket }] of clients) {
      if (each.slice(0, each.lastIndexOf("-")) !== name) continue;
      socket.removeAllListeners("disconnect");
      socket.disconnect();
      clients.delete(each);
    }
  },
});

function connect(name, url, rooms, options) {
  const quick = { reconnectionDelay: 20, reconnectionDelayMax: 500 };
  const socket = io(url, { forceNew: true, auth: { name }, ...quick, ...options });
  // `since` is what each publisher had reached when the client was in its rooms for the first time.
  const kept = { socket, rooms, ledger: {}, ready: false, reasons: [], recovered: [], begun: performance.now() };
  clients.set(name, kept);
  const log = packets(socket);
  socket.on("publish", (room, publisher, number, sent) => {
    const ranges = (kept.ledger[publisher] ??= []);
    const repeats = has(ranges, number);
    append(ranges, number);
    figures.heard(kept, sent);
    if (repeats) console.error(`${name} has ${number} of ${publisher} again:\n  ${log.splice(0).join("\n  ")}`);
  });
  socket.on("disconnect", (reason) => {
    kept.ready = false;
    kept.reasons.push(reason);
    kept.lostAt = performance.now();
    trace.lost.push(kept.lostAt);
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited in vain until ${name} is in its rooms`)), PATIENCE);
    let last = null;
    socket.on("connect_error", (error) => (last = error));
    socket.on("connect", async () => {
      figures.connected(kept);
      if (kept.since) {
        trace.back.push(performance.now());
        kept.recovered.push(socket.recovered);
      }
      if (!socket.recovered) await Promise.all(rooms.map((room) => socket.emitWithAck(join, room)));
      kept.since ??= numbers();
      kept.ready = true;
      clearTimeout(timer);
      resolve(last);
    });
  });
}

// The last packets of a client, by session, for a report of what came twice.
function packets(socket) {
  const log = [];
  const note = (text) => {
    log.push(`${performance.now().toFixed(1)} ${text}`);
    if (log.length > 80) log.shift();
  };
  const { io } = socket;
  let engine;
  const hear = () => {
    if (engine === io.engine) return;
    engine = io.engine;
    const of = engine;
    const text = ({ type, data }) => `${type} ${String(data ?? "").slice(0, 120)}`;
    of.on("packet", (packet) => note(`${of.id?.slice(-6)} < ${text(packet)}`));
    of.on("packetCreate", (packet) => note(`${of.id?.slice(-6)} > ${text(packet)}`));
    of.on("close", (reason, more) => note(`${of.id?.slice(-6)} closed: ${reason} ${more?.description ?? ""} ${more?.context?.status ?? ""}`));
  };
  hear();
  io.on("reconnect_attempt", (attempt) => {
    note(`attempt ${attempt}, ${socket.receiveBuffer.length} unread, offset ${socket._lastOffset}`);
    setImmediate(hear);
  });
  return log;
}

function numbers() {
  const publishers = [...clients, ...backends].filter(([, { next }]) => next !== undefined);
  return Object.fromEntries(publishers.map(([name, { next }]) => [name, next]));
}

function client(name) {
  const kept = clients.get(name);
  if (!kept) throw new Error(`no client ${name}`);
  return kept;
}
