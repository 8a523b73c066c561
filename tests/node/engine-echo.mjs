// Engine.IO alone in Node, echoing every message: the server of the protocol's own suite.
import { Server } from "engine.io";
import { createServer } from "node:http";

const http = createServer((_, response) => response.writeHead(404).end());
const engine = new Server({ pingInterval: 300, pingTimeout: 200, maxHttpBufferSize: 1_000_000 });
engine.attach(http, { path: "/engine.io/" });
engine.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port })));
