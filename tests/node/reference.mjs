// A Node socket.io server that imitates the rules of a document, as far as the scenarios use them.
// It is the proof that the scenarios expect what Socket.IO does: they pass against it unchanged.
// Usage: node reference.mjs '{"rules": "<path>"}'; prints {"port", "api"}.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { parse } from "yaml";
import { backend } from "./reference/backend.mjs";
import { Book, Refusal } from "./reference/book.mjs";
import { render } from "./reference/templates.mjs";

const parameters = JSON.parse(process.argv[2]);
const document = parse(readFileSync(parameters.rules, "utf8"));
const book = new Book(document);
const http = createServer();
const io = new Server(http, { connectTimeout: 45_000, cors: { origin: document.cors?.origins } });

for (const rules of document.namespaces) {
  io.of(rules.name ?? new RegExp(rules.pattern)).on("connection", (socket) => serve(socket, rules));
}
const api = createServer(backend(io, book));
http.listen(0, "127.0.0.1", () =>
  api.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port, api: api.address().port }))),
);

function serve(socket, rules) {
  const captures = rules.pattern ? new RegExp(rules.pattern).exec(socket.nsp.name).groups : {};
  const facts = { auth: socket.handshake.auth, socket: { id: socket.id }, ns: { name: socket.nsp.name, ...captures } };
  const buckets = new Map();
  socket.on("error", () => {});
  for (const room of rules.autoJoin ?? []) socket.join(render(room, { ...facts, args: [] }));
  for (const { event, args = [] } of rules.welcome ?? []) {
    socket.emit(event, ...args.map((value) => render(value, { ...facts, args: [] })));
  }
  socket.onAny((name, ...args) => {
    const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
    try {
      const answer = decide(socket, rules, buckets, { ...facts, args }, String(name));
      ack?.(...answer);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      const { code, message, retryAfter } = refusal;
      if (ack) ack({ error: { code, message, retryAfter } });
      else socket.emit(rules.errorEvent ?? "error", { code, message, event: name, retryAfter });
    }
  });
}

function decide(socket, rules, buckets, facts, name) {
  const event = rules.events?.find((listed) => listed.name === name);
  if (!event) throw new Refusal("unknown_event", `${name} is not listed`);
  if (event.limit) book.limit(buckets, event);
  if (event.args) book.validate(event.args, facts.args);
  const { args } = facts;
  const join = (event.join ?? []).map((room) => book.room(render(room, facts)));
  for (const room of event.leave ?? []) socket.leave(render(room, facts));
  const rooms = new Set([...socket.rooms, ...join]);
  if (rooms.size - 1 > (rules.limits?.rooms ?? 100)) throw new Refusal("too_many_rooms", "too many rooms");
  for (const room of join) {
    socket.join(room);
    if (event.replay) for (const [kept, ...values] of book.kept(socket.nsp.name, room).slice(-event.replay)) socket.emit(kept, ...values);
  }
  for (const publication of event.publish ?? []) publish(socket, rules, publication, facts, name);
  if (event.ack?.values) return event.ack.values.map((value) => render(value, facts));
  return event.ack?.args ? args : [];
}

function publish(socket, rules, publication, facts, name) {
  const event = publication.event ?? name;
  const args = publication.args?.map((value) => render(value, facts)) ?? facts.args;
  if (publication.scope === "self") return socket.emit(event, ...args);
  const rooms = (publication.to ?? []).map((room) => render(room, facts));
  const except = (publication.except ?? []).map((room) => render(room, facts));
  let target = publication.self ? socket.nsp : socket.broadcast;
  if (rooms.length) target = target.to(rooms);
  if (publication.volatile) target = target.volatile;
  if (rules.history) for (const room of rooms) book.keep(socket.nsp.name, room, [event, ...args], rules.history.size);
  target.except(except).emit(event, ...args);
}
