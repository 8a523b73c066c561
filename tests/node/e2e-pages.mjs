// The game's page at an origin, open in a real Chromium (tests/src/kubernetes/pages.rs).
// Usage: node e2e-pages.mjs '{"chromium", "port", "url"}': the page is served on that port of localhost and connects to the URL.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";
import { serve } from "./cluster/json.mjs";

const { chromium, port, url } = JSON.parse(process.argv[2]);
const file = (path) => readFileSync(new URL(path, import.meta.url));
const client = createRequire(import.meta.url).resolve("socket.io-client/dist/socket.io.js");
const scripts = ["/socket.io.js", "/game.js", "/board.js"];
const files = {
  "/": ["text/html", `<!doctype html><meta charset="utf-8"><title>game</title><body>${scripts.map((path) => `<script src="${path}"></script>`).join("")}`],
  "/socket.io.js": ["text/javascript", readFileSync(client)],
  "/game.js": ["text/javascript", file("browser/game.js")],
  "/board.js": ["text/javascript", file("browser/board.js")],
};
const server = createServer((request, response) => {
  const [type, body] = files[request.url] ?? ["text/plain", ""];
  response.writeHead(200, { "content-type": type }).end(body);
});
await new Promise((listening) => server.listen(port, "127.0.0.1", listening));
const browser = await puppeteer.launch({
  executablePath: chromium,
  defaultViewport: { width: 760, height: 300 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const pages = new Map();

await serve({
  async open({ name, transports }) {
    const page = await browser.newPage();
    pages.set(name, page);
    await page.goto(`http://localhost:${port}/`);
    await page.evaluate((address, list) => window.start(address, list), url, transports);
    await page.waitForFunction(() => window.joined >= 4, { timeout: 20_000 });
  },

  // By event, how often it was heard, and its last arguments.
  heard: ({ name }) =>
    pages.get(name).evaluate(() => Object.fromEntries(Object.entries(window.heard).map(([event, all]) => [event, { count: all.length, last: all.at(-1) }]))),

  transports: ({ name }) => pages.get(name).evaluate(() => window.transports()),

  errors: ({ name }) => pages.get(name).evaluate(() => window.errors),

  async picture({ name, file }) {
    const page = pages.get(name);
    // Chromium draws nothing of one that another hides.
    await page.bringToFront();
    await page.evaluate(() => window.draw());
    await page.screenshot({ path: file });
  },
});
