// Payloads up to the limit pass whole; beyond it the connection ends and nobody else notices.
export default async function (t) {
  const [sender, receiver] = [await t.connect("/"), await t.connect("/")];
  await t.emit(receiver, "join", t.unique);
  const text = "aé😀\n\"\\".repeat(70_000);
  const heard = t.once(receiver, "say");
  sender.emit("say", t.unique, text);
  t.check("0.9 MB of text", (await heard)[1] === text, true);
  // base64 in polls: a third more on the wire
  const bytes = Buffer.alloc(740_000, "0123456789");
  const binary = t.once(receiver, "say");
  sender.emit("say", t.unique, bytes);
  t.check("0.7 MB of bytes", bytes.equals((await binary)[1]), true);
  t.check("echo of 0.9 MB", (await t.emit(sender, "echo", text))[0] === text, true);

  const limit = t.client("/", { reconnection: false });
  await t.once(limit, "connect");
  const end = t.once(limit, "disconnect");
  limit.emit("echo", "x".repeat(1_100_000));
  const [reason] = await end;
  t.check("too large ends the connection", ["transport close", "transport error"].includes(reason), true);
  t.check("the others live", await t.emit(sender, "echo", 1), [1]);
}
