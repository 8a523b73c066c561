// The server of the Socket.IO protocol's own suite, in Node.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { pingInterval: 300, pingTimeout: 200, maxHttpBufferSize: 1_000_000, connectTimeout: 1000 });
const serve = (socket) => {
  socket.emit("auth", socket.handshake.auth);
  socket.on("message", (...args) => socket.emit("message-back", ...args));
  socket.on("message-with-ack", (...args) => args.pop()(...args));
};
io.on("connection", serve);
io.of("/custom").on("connection", serve);
http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port })));
