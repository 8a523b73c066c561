// Many socket.io-client sockets in one process, driven by lines on stdin (tests/src/clients.rs).
import { io } from "socket.io-client";
import { serve } from "./cluster/json.mjs";

const PATIENCE = 25000;
const clients = new Map();

await serve({
  // Answers with the socket's id.
  connect,

  // Connects `count` sockets at once, named <name>-<index>.
  crowd({ name, count, ...more }) {
    return Promise.all(Array.from({ length: count }, (_, index) => connect({ name: `${name}-${index}`, ...more })));
  },

  ask({ name, event, args = [] }) {
    return within(`${name} gets the ack of ${event}`, (resolve) => client(name).socket.emit(event, ...args, (...answer) => resolve(answer)));
  },

  send({ name, event, args = [] }) {
    client(name).socket.emit(event, ...args);
  },

  ledgers: () => Object.fromEntries([...clients].map(([name, { ledger }]) => [name, ledger])),

  forget() {
    for (const kept of clients.values()) kept.ledger = [];
  },

  state({ name }) {
    const { socket, reason } = client(name);
    return { id: socket.id, connected: socket.connected, recovered: socket.recovered, reason };
  },

  close({ name }) {
    client(name).socket.disconnect();
    clients.delete(name);
  },
});

function connect({ name, url, namespace = "/", transports = ["websocket"], shares, mute = false, options = {} }) {
  const socket = shares
    ? client(shares).socket.io.socket(namespace)
    : io(url + namespace, { forceNew: true, transports, auth: { name }, reconnectionDelay: 50, reconnectionDelayMax: 500, ...options });
  const kept = { socket, ledger: [], reason: null };
  clients.set(name, kept);
  socket.onAny((event, ...args) => {
    const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
    kept.ledger.push([event, ...args]);
    if (ack && !mute) ack({ client: name, got: args[0] ?? null });
  });
  socket.on("disconnect", (reason) => (kept.reason = reason));
  return within(`${name} connects`, (resolve, reject) => {
    socket.once("connect", () => resolve(socket.id));
    socket.once("connect_error", reject);
  });
}

function client(name) {
  const kept = clients.get(name);
  if (!kept) throw new Error(`no client ${name}`);
  return kept;
}

function within(what, start) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited in vain until ${what}`)), PATIENCE);
    const settle = (how) => (value) => {
      clearTimeout(timer);
      how(value);
    };
    start(settle(resolve), settle(reject));
  });
}
