// What a scenario works with: clients over the transport under test, the HTTP API, checks.
import assert from "node:assert/strict";
import { io } from "socket.io-client";

const PATIENCE = 25000;
const OPTIONS = {
  polling: { transports: ["polling"] },
  websocket: { transports: ["websocket"] },
  upgrade: { transports: ["polling", "websocket"] },
};

export class Scenario {
  constructor(transport, parameters) {
    Object.assign(this, parameters, { transport, sockets: [] });
    // Rooms and organisations of one run never meet those of another on the same server.
    this.unique = `${transport}${process.pid}`;
  }

  // A client on a connection of its own, connected.
  async connect(namespace = "/", options = {}) {
    const socket = this.client(namespace, options);
    await this.once(socket, "connect");
    return socket;
  }

  // A client on a connection of its own, perhaps not connected yet.
  client(namespace = "/", options = {}) {
    return this.track(io((options.url ?? this.url) + namespace, { forceNew: true, ...OPTIONS[this.transport], ...options }));
  }

  track(socket) {
    this.sockets.push(socket);
    return socket;
  }

  // The arguments of the next event of that name.
  once(socket, event) {
    return within(`event ${event}`, new Promise((resolve, reject) => {
      socket.once(event, (...args) => resolve(args));
      if (event === "connect") socket.once("connect_error", reject);
    }));
  }

  // The arguments of the next `count` events of that name.
  collect(socket, event, count) {
    const seen = [];
    return within(`${count} events ${event}`, new Promise((resolve) => {
      socket.on(event, function listener(...args) {
        seen.push(args);
        if (seen.length === count) {
          socket.off(event, listener);
          resolve(seen);
        }
      });
    }), () => `only ${seen.length} came`);
  }

  // The arguments of the ack of an event.
  emit(socket, event, ...args) {
    return within(`ack of ${event}`, new Promise((resolve) => socket.emit(event, ...args, (...answer) => resolve(answer))));
  }

  // Calls the HTTP API.
  async post(path, body) {
    const response = await fetch(this.api + path, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${this.key}` },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json().catch(() => undefined) };
  }

  // The acks in the answer to an emit that asked for them: each one's arguments.
  gathered({ acks, timedOut, missing }) {
    return { acks: acks.map((ack) => ack.args ?? ack), timedOut: timedOut ?? missing > 0 };
  }

  check(what, actual, expected) {
    assert.deepStrictEqual(actual, expected, `${what}: got ${show(actual)}, not ${show(expected)}`);
    console.log(JSON.stringify({ transport: this.transport, check: what }));
  }

  // Over the upgrading transport the connection must have ended up on websocket.
  async end() {
    if (this.transport === "upgrade") {
      const open = this.sockets.filter((socket) => socket.connected).map((socket) => socket.io.engine);
      for (const engine of open) {
        if (engine.transport.name !== "websocket") await within("upgrade", new Promise((resolve) => engine.once("upgrade", resolve)));
      }
    }
    for (const socket of this.sockets) socket.disconnect();
  }
}

export function within(what, promise, detail = () => "") {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what} ${detail()}`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export const range = (count) => Array.from({ length: count }, (_, index) => index);

function show(value) {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}
