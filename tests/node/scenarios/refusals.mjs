// Refusals: limits, schemas, unlisted events, rooms; told by ack or by the error event.
import { range } from "../scenario.mjs";

export default async function (t) {
  const socket = await t.connect("/strict");
  const code = async (...args) => (await t.emit(socket, ...args))[0]?.error?.code;
  t.check("a valid vote", await t.emit(socket, "vote", { billId: "hr-1", choice: "aye" }), []);
  const invalid = [
    ["vote", { billId: "hr 1", choice: "aye" }],
    ["vote", { billId: "hr-1", choice: "perhaps" }],
    ["vote", { billId: "hr-1" }],
    ["vote", { billId: "hr-1", choice: "aye", more: 1 }],
    ["vote", "text"],
    ["vote"],
    ["vote", { billId: "hr-1", choice: "aye" }, "one too many"],
    ["vote", Buffer.from([1])],
    ["picture", "text"],
    ["picture", Buffer.alloc(17)],
  ];
  for (const [event, ...args] of invalid) t.check(`invalid ${JSON.stringify(args)}`, await code(event, ...args), "invalid");
  t.check("a small picture", await t.emit(socket, "picture", Buffer.alloc(16)), []);
  t.check("unlisted", await code("no-such-event", 1), "unknown_event");

  t.check("the first of a minute", await t.emit(socket, "rare"), []);
  const [{ error }] = await t.emit(socket, "rare");
  t.check("the second", error.code, "rate_limited");
  t.check("after how many milliseconds to try again", error.retryAfter > 30_000 && error.retryAfter <= 60_000, true);
  t.check("with a sentence", typeof error.message, "string");

  const told = t.once(socket, "error");
  socket.emit("rare", "without ack");
  const [refusal] = await told;
  t.check("the error event", [refusal.code, refusal.event, typeof refusal.message], ["rate_limited", "rare", "string"]);

  const other = await t.connect("/told");
  const trouble = t.once(other, "trouble");
  other.emit("unheard-of");
  t.check("a name of its own", [(await trouble)[0].code], ["unknown_event"]);

  const rooms = await t.connect("/strict");
  const joins = [];
  for (const n of range(3)) joins.push(await t.emit(rooms, "join", `${t.unique}-${n}`));
  t.check("rooms within the limit", joins.slice(0, 2), [[], []]);
  t.check("a room too many", joins[2][0].error.code, "too_many_rooms");
  t.check("a room already joined", await t.emit(rooms, "join", `${t.unique}-0`), []);
  t.check("a missing value in a template", (await t.emit(rooms, "join"))[0].error.code, "invalid");
  t.check("no scalar in a template", (await t.emit(rooms, "join", { a: 1 }))[0].error.code, "invalid");
  t.check("a name of 300 bytes", (await t.emit(rooms, "join", "x".repeat(300)))[0].error.code, "invalid");

  const reserved = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];
  const refused = reserved.map((name) => {
    try {
      return String(socket.emit(name));
    } catch {
      return name;
    }
  });
  t.check("the client refuses reserved names", refused, reserved);
  for (const name of reserved) {
    t.check(`HTTP refuses ${name}`, (await t.post("/v1/emit", { namespace: "/strict", event: name, args: [] })).status, 400);
  }
  t.check("the socket lives", await t.emit(socket, "vote", { billId: "x", choice: "nay" }), []);
}
