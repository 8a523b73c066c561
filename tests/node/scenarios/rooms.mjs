// Rooms: join by event, order of broadcasts, except the sender, templates, leave.
import { range } from "../scenario.mjs";

export default async function (t) {
  const room = t.unique;
  const [sender, left, right, outside] = await Promise.all(range(4).map(() => t.connect("/")));
  for (const socket of [sender, left, right]) t.check("join is acknowledged empty", await t.emit(socket, "join", room), []);

  const count = 500;
  const strangers = [];
  outside.on("say", (...args) => args[0] === room && strangers.push(args));
  const echoes = [];
  sender.on("say", (...args) => echoes.push(args));
  const received = [left, right].map((socket) => t.collect(socket, "say", count));
  for (const number of range(count)) sender.emit("say", room, number, { number });
  const expected = range(count).map((number) => [room, number, { number }]);
  for (const seen of await Promise.all(received)) t.check("all in order", seen, expected);
  t.check("ack after all effects", await t.emit(sender, "say", room, "last"), ["said"]);
  t.check("not to the sender", echoes, []);
  await t.emit(outside, "echo");
  t.check("not outside the room", strangers, []);

  const withMe = [sender, left].map((socket) => t.once(socket, "say-with-me"));
  sender.emit("say-with-me", room, "x");
  t.check("self: true includes the sender", await Promise.all(withMe), [[room, "x"], [room, "x"]]);

  const said = t.once(left, "said");
  sender.emit("say-as", room, { text: "hi", more: [1] });
  t.check("templates", await said, ["hi", `from ${sender.id}`, { text: "hi", more: [1] }]);

  const everyone = [left, outside].map((socket) => t.once(socket, "say-all"));
  sender.emit("say-all", room);
  t.check("scope namespace", await Promise.all(everyone), [[room], [room]]);

  const spared = [];
  left.on("say-but", (...args) => spared.push(args));
  const but = t.once(outside, "say-but");
  sender.emit("say-but", room);
  t.check("except a room reaches the others", await but, [room]);

  const whispered = t.once(left, "whisper");
  sender.emit("whisper", room, "idle clients get volatile events");
  t.check("volatile", await whispered, [room, "idle clients get volatile events"]);
  t.check("except a room", spared, []);

  t.check("leave", await t.emit(left, "leave", room), []);
  const after = [];
  left.on("say", (...args) => after.push(args));
  const still = t.once(right, "say");
  sender.emit("say", room, "after");
  t.check("who stays hears", await still, [room, "after"]);
  await t.emit(left, "echo");
  t.check("who left does not", after, []);

  right.disconnect();
  t.check("a broadcast after a departure", await t.emit(sender, "say", room, "gone"), ["said"]);
}
