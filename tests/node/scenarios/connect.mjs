// Namespaces: by name and pattern, several on one connection, unknown ones, the auth payload.
export default async function (t) {
  const named = await t.connect("/auth", { auth: { name: "Ada", deep: { n: [1, 2.5, null, "é😀"] } } });
  t.check("socket id has 20 characters", named.id.length, 20);
  t.check("socket id is not the session id", named.id !== named.io.engine.id, true);
  t.check("auth is answered", await t.emit(named, "who"), ["Ada", named.id, "/auth"]);

  const welcomed = t.client("/auth", { auth: (give) => give({ token: "t" }) });
  t.check("welcome carries auth", await t.once(welcomed, "auth"), [{ token: "t" }]);
  const bare = t.client("/auth");
  t.check("no auth is an empty object", await t.once(bare, "auth"), [{}]);

  const first = await t.connect("/");
  const second = t.track(first.io.socket("/auth", { auth: { name: "B" } }));
  const org = `/org-${t.unique.replaceAll("-", "")}`;
  const third = t.track(first.io.socket(org));
  const [hello, id] = await t.once(third, "hello");
  t.check("a pattern's capture", hello, org.slice(5));
  t.check("welcome names the socket", id, third.id);
  t.check("one connection", new Set([first, second, third].map((s) => s.io.engine.id)).size, 1);
  t.check("three socket ids", new Set([first.id, second.id, third.id]).size, 3);

  const unknown = t.track(first.io.socket("/unknown"));
  const [error] = await t.once(unknown, "connect_error");
  t.check("unknown namespace", [error.message, error.data], ["Invalid namespace", undefined]);
  const upper = t.track(first.io.socket("/org-ÄÖ"));
  t.check("a name beside the pattern", (await t.once(upper, "connect_error"))[0].message, "Invalid namespace");
  t.check("the others stay", await t.emit(first, "echo", 1), [1]);

  second.disconnect();
  t.check("leaving one namespace leaves the others", await t.emit(first, "echo", 2), [2]);
  second.connect();
  await t.once(second, "connect");
  t.check("and it can be entered again", (await t.emit(second, "who"))[0], "B");

  const late = t.client("/");
  const buffered = t.emit(late, "echo", "sent before the connection");
  t.check("what was sent before connecting arrives", await buffered, ["sent before the connection"]);
  const query = await t.connect("/", { query: { a: "1", b: "ü" }, extraHeaders: { "x-test": "1" } });
  t.check("with a query", await t.emit(query, "echo"), []);
}
