// Binary in any nesting, both directions, beside text.
import { range } from "../scenario.mjs";

export default async function (t) {
  const room = t.unique;
  const [sender, receiver] = await Promise.all(range(2).map(() => t.connect("/")));
  await t.emit(receiver, "join", room);
  const bytes = (...list) => Buffer.from(list);

  const cases = [
    ["alone", [bytes(1, 2, 3)]],
    ["empty", [Buffer.alloc(0)]],
    ["every byte", [Buffer.from(range(256))]],
    ["nested", [{ a: [{ b: bytes(1) }, "x", bytes(2, 3)], c: { d: { e: bytes(4) } } }, bytes(5)]],
    ["ten", [range(10).map((n) => bytes(n, n))]],
    ["text between", ["\u2028é😀", bytes(0), null, 1.5, bytes(255), { _placeholder: false, num: 0 }]],
    ["60 kB", [Buffer.alloc(60_000, 7), Buffer.alloc(3, 9)]],
  ];
  for (const [name, args] of cases) {
    const heard = t.once(receiver, "say");
    t.check(`${name}: ack`, await t.emit(sender, "say", room, ...args), ["said"]);
    t.check(`${name}: broadcast`, await heard, [room, ...args]);
    t.check(`${name}: echo in the ack`, await t.emit(sender, "echo", ...args), args);
    const back = t.once(sender, "echoed");
    sender.emit("back", ...args);
    t.check(`${name}: to self`, await back, args);
  }

  const mixed = t.collect(receiver, "say", 40);
  for (const n of range(40)) sender.emit("say", room, n % 2 ? n : Buffer.from([n]));
  t.check("order of text and binary", (await mixed).map(([, n]) => (typeof n === "number" ? n : n[0])), range(40));

  const typed = t.once(receiver, "say");
  sender.emit("say", room, new Uint8Array([1, 2]).buffer, new Uint16Array([3]));
  t.check("array buffers", await typed, [room, bytes(1, 2), bytes(3, 0)]);
}
