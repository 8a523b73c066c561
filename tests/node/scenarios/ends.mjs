// Ends: by the client, by HTTP from a namespace or the whole connection, and reconnection.
import { range } from "../scenario.mjs";

export default async function (t) {
  const room = t.unique;
  const [first, second] = await Promise.all(range(2).map(() => t.connect("/")));
  const sibling = t.track(second.io.socket("/auth", { auth: { name: "S" } }));
  await t.once(sibling, "connect");
  for (const socket of [first, second]) await t.emit(socket, "join", room);

  const leave = t.once(second, "disconnect");
  const answer = await t.post("/v1/disconnect", { namespace: "/", sockets: [second.id], close: false });
  t.check("disconnect is accepted", answer.status, 200);
  t.check("from one namespace", (await leave)[0], "io server disconnect");
  t.check("the other namespace stays", (await t.emit(sibling, "who"))[2], "/auth");
  t.check("no reconnection of its own", second.active, false);
  second.connect();
  await t.once(second, "connect");
  await t.emit(second, "join", room);

  const both = [second, sibling].map((socket) => t.once(socket, "disconnect"));
  const closed = new Promise((resolve) => second.io.engine.once("close", resolve));
  await t.post("/v1/disconnect", { namespace: "/", sockets: [second.id], close: true });
  t.check("the whole connection", (await Promise.all(both)).length, 2);
  await closed;

  const heard = t.once(first, "say");
  const fresh = await t.connect("/");
  t.check("who stays is in the room", (await t.emit(fresh, "say", room, "still"))[0], "said");
  t.check("and hears", await heard, [room, "still"]);

  const again = await t.connect("/", { reconnectionDelay: 10, reconnectionDelayMax: 20 });
  const id = again.id;
  const lost = t.once(again, "disconnect");
  again.io.engine.transport.close();
  again.io.engine.onClose?.("transport close");
  t.check("a lost transport", ["transport close", "transport error"].includes((await lost)[0]), true);
  const queued = t.emit(again, "echo", "sent while away");
  await t.once(again, "connect");
  t.check("a new socket", again.id !== id, true);
  t.check("what was sent meanwhile arrives", await queued, ["sent while away"]);

  again.disconnect();
  t.check("a client's own end", again.connected, false);
}
