// An echo server on npm's ws, the model for what a websocket server answers.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", maxPayload: 64 << 20 });
server.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, binary) => socket.send(data, { binary }));
});
server.on("listening", () => console.log(JSON.stringify({ port: server.address().port })));
