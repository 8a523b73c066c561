// Acks both ways: asked by clients, and gathered over HTTP from clients.
import { range } from "../scenario.mjs";

export default async function (t) {
  const room = t.unique;
  const sockets = await Promise.all(range(3).map(() => t.connect("/")));
  const [first] = sockets;
  t.check("no arguments", await t.emit(first, "nothing"), []);
  t.check("values of all kinds", await t.emit(first, "echo", null, true, "ü", [1, { a: [] }], -0.5, ""), [null, true, "ü", [1, { a: [] }], -0.5, ""]);
  const answers = await Promise.all(range(200).map((number) => t.emit(first, "echo", number)));
  t.check("each its own answer", answers.flat(), range(200));
  t.check("timeout() and emitWithAck", await first.timeout(5000).emitWithAck("echo", "promised"), "promised");

  for (const socket of sockets) await t.emit(socket, "join", room);
  sockets[0].on("ask", (question, answer) => answer({ question, more: [1] }));
  sockets[1].on("ask", (question, answer) => answer(`${question} 1`));
  sockets[2].on("ask", (question, answer) => answer(Buffer.from([2])));
  const gathered = await t.post("/v1/emit", { namespace: "/", event: "ask", args: ["who"], rooms: [`room-${room}`], ack: { timeout: "5s", expect: 3 } });
  t.check("acks gathered", gathered.status, 200);
  const { acks, timedOut } = t.gathered(gathered.body);
  const sorted = acks.map((ack) => JSON.stringify(ack)).sort();
  t.check("each answer", sorted, ['["who 1"]', '[{"$b64":"Ag=="}]', '[{"question":"who","more":[1]}]']);
  t.check("nobody late", timedOut, false);

  sockets[1].off("ask");
  const partial = await t.post("/v1/emit", { namespace: "/", event: "ask", args: ["again"], rooms: [`room-${room}`], ack: { timeout: "300ms" } });
  const some = t.gathered(partial.body);
  t.check("who answered", some.acks.length, 2);
  t.check("somebody late", some.timedOut, true);

  const single = await t.post("/v1/emit", { namespace: "/", event: "ask", args: ["one"], sockets: [sockets[0].id], ack: { timeout: "5s" } });
  t.check("one socket", t.gathered(single.body).acks, [[{ question: "one", more: [1] }]]);
}
