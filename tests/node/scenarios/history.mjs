// History: replay to who joins, newest last, before anything live; auto-joined rooms.
import { range } from "../scenario.mjs";

export default async function (t) {
  const feed = t.unique;
  const sender = await t.connect("/history");
  for (const n of range(5)) await t.emit(sender, "post", feed, n);
  const reader = await t.connect("/history");
  const replay = t.collect(reader, "post", 3);
  t.check("join with replay", await t.emit(reader, "join", feed), []);
  await t.emit(sender, "post", feed, "live");
  t.check("the last two, then live", await replay, [[feed, 3], [feed, 4], [feed, "live"]]);

  await t.post("/v1/emit", { namespace: "/history", event: "update", args: [{ n: 1 }], rooms: [`feed-${feed}`] });
  const third = await t.connect("/history");
  const both = Promise.all([t.once(third, "post"), t.once(third, "update")]);
  await t.emit(third, "join", feed);
  t.check("events posted over HTTP are kept too", await both, [[feed, "live"], [{ n: 1 }]]);

  const org = `/org-${t.unique}`;
  const members = await Promise.all(range(2).map(() => t.connect(org)));
  const shout = t.once(members[1], "shout");
  members[0].emit("shout", "automatically joined");
  t.check("autoJoin", await shout, ["automatically joined"]);
}
