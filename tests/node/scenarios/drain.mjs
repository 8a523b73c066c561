// A server drains under its clients: they come back by themselves, on another server.
import { range, within } from "../scenario.mjs";

export default async function (t) {
  const options = { reconnectionDelay: 20, reconnectionDelayMax: 200 };
  const sockets = await Promise.all(range(20).map(() => t.connect("/", options)));
  const reasons = sockets.map((socket) => t.once(socket, "disconnect"));
  process.kill(t.process, "SIGTERM");
  const why = (await Promise.all(reasons)).map(([reason]) => reason);
  t.check("never told to stay away", why.filter((reason) => reason === "io server disconnect"), []);
  const answers = await Promise.all(sockets.map((socket, n) => within("a buffered event", new Promise((resolve) => socket.emit("echo", n, resolve)))));
  t.check("what was sent meanwhile is answered", answers, range(20));
}
