// Exposes to a Prometheus whatever series the test makes up (tests/src/kubernetes/made_up.rs).
import { createServer } from "node:http";
import { serve } from "./cluster/json.mjs";

const { port } = JSON.parse(process.argv[2]);
let exposed = "";

const server = createServer((_, response) => {
  response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  response.end(exposed);
});
await new Promise((listening) => server.listen(port, "127.0.0.1", listening));

await serve({
  expose({ text }) {
    exposed = text;
  },
});
