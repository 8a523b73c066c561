// The Node server on which the probes were measured: node probe-server.mjs '{"connectTimeout": 45000}'.
import { createServer } from "node:http";
import { Server } from "socket.io";

const { connectTimeout } = JSON.parse(process.argv[2]);
const http = createServer((_, response) => response.writeHead(404).end("nf"));
const io = new Server(http, { maxHttpBufferSize: 1000, pingInterval: 60_000, pingTimeout: 20_000, connectTimeout });
const serve = (socket) => {
  socket.on("error", () => {});
  socket.on("ack", (answer) => answer?.("ok"));
};
io.on("connection", serve);
io.of("/admin").on("connection", serve);
http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port })));
