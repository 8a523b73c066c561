// Chromium opens the game's page on an origin of its own; backends post over HTTP; the page tells
// what it received. Usage: node browser.mjs '{"url", "api", "key", "chromium", "origin", "page"}'.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";

const { url, api, key, chromium, origin, denied } = JSON.parse(process.argv[2]);
const client = createRequire(import.meta.url).resolve("socket.io-client/dist/socket.io.js");
const files = {
  "/": ["text/html", `<!doctype html><title>game</title><script src="/socket.io.js"></script><script src="/game.js"></script>`],
  "/socket.io.js": ["text/javascript", readFileSync(client)],
  "/game.js": ["text/javascript", readFileSync(new URL("browser/game.js", import.meta.url))],
};
const pages = createServer((request, response) => {
  const [type, body] = files[request.url] ?? ["text/plain", ""];
  response.writeHead(200, { "content-type": type }).end(body);
});
await new Promise((listening) => pages.listen(new URL(denied ?? origin).port, "127.0.0.1", listening));

const browser = await puppeteer.launch({
  executablePath: chromium,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const report = (check) => console.log(JSON.stringify({ check }));

async function post(namespace, event, args, rooms) {
  const response = await fetch(`${api}/v1/emit`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ namespace, event, args, rooms }),
  });
  assert.equal(response.status, 200, await response.text());
}

async function open(at, transports) {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error("page:", error));
  await page.goto(at);
  await page.evaluate((address, list) => window.start(address, list), url, transports);
  return page;
}

const heard = (page, event, count = 1) =>
  page.waitForFunction((name, least) => (window.heard[name] ?? []).length >= least, { timeout: 8000 }, event, count).then(() => page.evaluate((name) => window.heard[name], event));

async function plays(transports, late) {
  const page = await open(origin, transports);
  await page.waitForFunction(() => window.joined === 4, { timeout: 8000 });
  report(`four namespaces over ${transports}`);
  const results = { electionId: "us-2028", state: "OH", votes: { red: 51.5, blue: 48.5 } };
  await post("/politics", "election:results-update", [results], ["election-us-2028"]);
  await post("/politics", "election:race-called", [{ state: "OH" }], ["election-other"]);
  await post("/crime", "turf-war:update", [{ territory: "t-1" }], ["territory-t-1"]);
  await post("/business", "revenue:update", [{ company: "c-1", revenue: 1e6 }], ["company-c-1"]);
  await post("/engagement", "achievement:unlocked", [{ name: "first" }], ["global-feed"]);
  assert.deepEqual(await heard(page, "election:results-update"), [[results]]);
  assert.deepEqual(await heard(page, "turf-war:update"), [[{ territory: "t-1" }]]);
  // Who comes later is first sent the company's last value.
  const revenue = [{ company: "c-1", revenue: 1e6 }];
  assert.deepEqual(await heard(page, "revenue:update", late ? 2 : 1), late ? [revenue, revenue] : [revenue]);
  // A recoverable namespace: the last argument is the offset by which a client that comes back is told what it has missed.
  const [[achievement, offset]] = await heard(page, "achievement:unlocked");
  assert.deepEqual(achievement, { name: "first" });
  assert.match(offset, /^[0-9]+-[0-9]+$/);
  const called = await page.evaluate(() => window.heard["election:race-called"] ?? []);
  assert.deepEqual(called, [], "another election's room");
  const used = await page.evaluate(() => window.transports());
  assert.ok(used.every((name) => name === transports[0]), `${used}`);
  report(`results received over ${transports}`);

  for (let n = 0; n < 50; n += 1) await post("/politics", "election:results-update", [{ n }], ["election-us-2028"]);
  const all = await heard(page, "election:results-update", 51);
  assert.deepEqual(all.slice(1), Array.from({ length: 50 }, (_, n) => [{ n }]));
  report(`fifty updates in order over ${transports}`);
  await page.close();
}

async function refused(transports) {
  const page = await open(denied, transports);
  await page.waitForFunction(() => window.errors.length > 0, { timeout: 8000 });
  assert.equal(await page.evaluate(() => window.joined), 0);
  report(`another origin is refused over ${transports}`);
  await page.close();
}

try {
  const run = denied ? refused : plays;
  await run(["websocket", "polling"]);
  await run(["polling"], true);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.close();
  pages.close();
}
