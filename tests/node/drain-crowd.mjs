// A crowd of socket.io-client sockets whose servers drain. Each goes to another server when its connection is lost, and the times at
// which connections are lost and found again are kept, in milliseconds of this process's clock.
import { io } from "socket.io-client";
import { serve } from "./cluster/json.mjs";

const PATIENCE = 25000;
const trace = { lost: [], back: [], reasons: {} };

await serve({
  // Connects `count` sockets to `url`; they go on to `next`.
  async connect({ count, url, next, transports }) {
    await Promise.all(Array.from({ length: count }, () => connect(url, next, transports)));
  },

  trace: () => trace,
});

function connect(url, next, transports) {
  const socket = io(url, { forceNew: true, transports, reconnectionDelay: 1, reconnectionDelayMax: 5, randomizationFactor: 0 });
  socket.on("disconnect", (reason) => {
    trace.lost.push(performance.now());
    trace.reasons[reason] = (trace.reasons[reason] ?? 0) + 1;
    socket.io.uri = next;
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited in vain for a connection to ${url}`)), PATIENCE);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.on("connect", () => trace.back.push(performance.now()));
      resolve();
    });
  });
}
