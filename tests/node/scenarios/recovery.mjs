// Connection state recovery, as the client that everybody has sees it.
import { range, within } from "../scenario.mjs";

const AWAY = { reconnectionDelay: 400, randomizationFactor: 0 };
const OFFSET = /^\d+-\d+$/;

export default async function (t) {
  await missed(t);
  await noEventYet(t);
  await ended(t);
  await expired(t);
  await greeted(t);
  await several(t);
}

// The events that a socket is sent from now on, and when it connects; offsets are taken off and checked.
function watch(t, socket) {
  const seen = [];
  socket.onAny((event, ...args) => {
    const offset = args.pop();
    if (!OFFSET.test(offset)) throw new Error(`${event} ends with ${offset}`);
    seen.push([event, ...args.map((arg) => (Buffer.isBuffer(arg) ? [...arg] : arg))]);
  });
  socket.on("connect", () => seen.push("connect"));
  return seen;
}

// The transport is cut; what `during` does happens before the client is back.
async function cut(t, socket, during = async () => {}) {
  const gone = t.once(socket, "disconnect");
  const back = t.once(socket, "connect");
  socket.io.engine.close();
  await gone;
  await during();
  await back;
}

const emit = (t, namespace, event, args, rooms, more = {}) => t.post("/v1/emit", { namespace, event, args, rooms, ...more });

async function seenAll(seen, count) {
  await within(`${count} things`, new Promise((resolve) => {
    const timer = setInterval(() => seen.length >= count && (clearInterval(timer), resolve()), 5);
  }), () => JSON.stringify(seen));
  await new Promise((resolve) => setTimeout(resolve, 50));
  return seen;
}

async function missed(t) {
  const room = `room-${t.unique}`;
  const socket = await t.connect("/live", AWAY);
  const other = await t.connect("/live", AWAY);
  await t.emit(socket, "join", t.unique);
  const id = socket.id;
  const seen = watch(t, socket);
  t.check("not recovered the first time", socket.recovered, false);
  for (const n of range(3)) await emit(t, "/live", "n", [n], [room]);
  await seenAll(seen, 3);
  await cut(t, socket, async () => {
    await emit(t, "/live", "n", ["3"], [room]);
    await emit(t, "/live", "n", ["not mine"], ["room-elsewhere"]);
    await emit(t, "/live", "n", ["volatile"], [room], { volatile: true });
    await emit(t, "/live", "n", ["to others"], [room], { except: [id] });
    await emit(t, "/live", "n", [{ $b64: "AQID" }, "binary"], [room]);
    await t.emit(other, "say", t.unique, "from a client");
    await emit(t, "/live", "n", ["to me"], undefined, { sockets: [id] });
    await emit(t, "/live", "n", ["to all"]);
  });
  t.check("recovered", socket.recovered, true);
  t.check("the same id", socket.id, id);
  await emit(t, "/live", "n", ["live"], [room]);
  const expected = [
    ["n", 0], ["n", 1], ["n", 2],
    ["n", "3"], ["n", [1, 2, 3], "binary"], ["say", t.unique, "from a client"], ["n", "to me"], ["n", "to all"],
    "connect", ["n", "live"],
  ];
  t.check("all that was missed, in order, once", await seenAll(seen, expected.length), expected);
  seen.length = 0;
  socket.emit("back", "to self");
  await seenAll(seen, 1);
  await cut(t, socket, () => emit(t, "/live", "n", ["again"], [room]));
  t.check("a second time", [socket.recovered, ...(await seenAll(seen, 3))], [true, ["back", "to self"], ["n", "again"], "connect"]);
}

async function noEventYet(t) {
  const room = `room-quiet-${t.unique}`;
  const socket = await t.connect("/live", AWAY);
  await emit(t, "/live", "n", ["too early"], [room]);
  await t.emit(socket, "join", `quiet-${t.unique}`);
  const seen = watch(t, socket);
  const id = socket.id;
  await cut(t, socket, () => emit(t, "/live", "n", ["first"], [room]));
  t.check("recovers without any event", [socket.recovered, socket.id, ...(await seenAll(seen, 2))], [true, id, ["n", "first"], "connect"]);
}

async function ended(t) {
  const socket = await t.connect("/live", AWAY);
  const id = socket.id;
  const back = t.once(socket, "connect");
  socket.disconnect().connect();
  await back;
  t.check("a client that left is a new one", [socket.recovered, socket.id === id], [false, false]);
  const plain = await t.connect("/plain", AWAY);
  await cut(t, plain);
  t.check("no rule, no recovery", plain.recovered ?? false, false);
}

async function expired(t) {
  const socket = await t.connect("/short", AWAY);
  const id = socket.id;
  socket.io.reconnectionDelay(900);
  await cut(t, socket);
  t.check("too late", [socket.recovered, socket.id === id], [false, false]);
}

async function greeted(t) {
  const socket = t.client("/greeted", AWAY);
  const seen = watch(t, socket);
  await seenAll(seen, 2);
  const id = socket.id;
  t.check("greeted by its id", seen, ["connect", ["hello", id]]);
  await cut(t, socket, () => emit(t, "/greeted", "n", [1], ["everybody"]));
  await seenAll(seen, 4);
  t.check("welcomed once", [socket.recovered, socket.id, ...seen.slice(2)], [true, id, ["n", 1], "connect"]);
}

async function several(t) {
  const live = await t.connect("/live", AWAY);
  const greeted = t.track(live.io.socket("/greeted"));
  const plain = t.track(live.io.socket("/plain"));
  const connected = Promise.all([t.once(greeted, "connect"), t.once(plain, "connect")]);
  await connected;
  const ids = [live.id, greeted.id, plain.id];
  const again = Promise.all([t.once(greeted, "connect"), t.once(plain, "connect")]);
  await cut(t, live);
  await again;
  t.check("each namespace for itself", [live.recovered, greeted.recovered, plain.recovered ?? false], [true, true, false]);
  t.check("ids of several", [live.id === ids[0], greeted.id === ids[1], plain.id === ids[2]], [true, true, false]);
}
