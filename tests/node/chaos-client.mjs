// A crowd of socket.io-client sockets whose servers are killed, frozen and cut off (tests/src/crowd.rs). Each keeps, for each publisher,
// which numbers it has received, in the order of arrival, as ranges [first, last]; and each may be a publisher itself.
import { io } from "socket.io-client";
import { serve } from "./cluster/json.mjs";

const PATIENCE = 25000;
const clients = new Map();

await serve({
  // Connects `count` sockets, one after the other: a load balancer deals them in turn.
  async connect({ name, count, url, rooms = [], options = {} }) {
    for (let index = 0; index < count; index += 1) await connect(`${name}-${index}`, url, rooms, options);
  },

  // Lets a client publish to a room every so many milliseconds, numbered from 1.
  publish({ name, room, every }) {
    const kept = client(name);
    Object.assign(kept, { next: 0, acked: [] });
    kept.timer = setInterval(() => {
      if (!kept.socket.connected) return;
      const number = ++kept.next;
      kept.socket.emit("publish", room, name, number, () => append(kept.acked, number));
    }, every);
  },

  hush() {
    for (const { timer } of clients.values()) clearInterval(timer);
  },

  // Of each publisher the last number, and those that were acknowledged.
  published: () => pick(({ next }) => next !== undefined, ({ next, acked }) => ({ last: next, acked })),

  // Of each client: what it received, whether it is in its rooms, on which server, why it was disconnected, each time, and how often its
  // session was a new one.
  crowd: () => pick(() => true, ({ ledger, ready, owner, reasons, fresh }) => ({ ledger, ready, owner, reasons, fresh })),
});

function connect(name, url, rooms, options) {
  const socket = io(url, { forceNew: true, transports: ["websocket"], auth: { name }, reconnectionDelay: 50, reconnectionDelayMax: 500, ...options });
  const kept = { socket, ledger: {}, ready: false, reasons: [], fresh: 0, owner: null };
  clients.set(name, kept);
  socket.on("publish", (room, publisher, number) => append((kept.ledger[publisher] ??= []), number));
  socket.on("disconnect", (reason) => {
    kept.ready = false;
    kept.reasons.push(reason);
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited in vain until ${name} is in its rooms`)), PATIENCE);
    socket.on("connect", async () => {
      if (!socket.recovered) kept.fresh += 1;
      try {
        await Promise.all(rooms.map((room) => socket.emitWithAck("join", room)));
      } catch {
        // It was lost again meanwhile: the next connection joins.
        return;
      }
      // A gateway's session names its pod.
      kept.owner = Buffer.from(socket.io.engine.id, "base64url").subarray(1, 5).toString("hex");
      kept.ready = true;
      clearTimeout(timer);
      resolve();
    });
  });
}

// A number that does not follow begins a range of its own, also where it repeats one.
function append(ranges, number) {
  const last = ranges.at(-1);
  if (last && last[1] + 1 === number) last[1] = number;
  else ranges.push([number, number]);
}

function pick(is, view) {
  return Object.fromEntries([...clients].filter(([, kept]) => is(kept)).map(([name, kept]) => [name, view(kept)]));
}

function client(name) {
  const kept = clients.get(name);
  if (!kept) throw new Error(`no client ${name}`);
  return kept;
}
