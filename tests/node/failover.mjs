// A TCP proxy in front of several gateways: the first that accepts and is ready gets the connection.
// Usage: node failover.mjs '{"ports": [1, 2]}'; prints {"port"}.
import { createConnection, createServer } from "node:net";

const { ports } = JSON.parse(process.argv[2]);
const ready = (port) => fetch(`http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`).then((answer) => answer.status === 200, () => false);

const server = createServer({ pauseOnConnect: true }, async (client) => {
  client.on("error", () => {});
  let chosen = ports.at(-1);
  for (const port of ports) {
    if (await ready(port)) {
      chosen = port;
      break;
    }
  }
  const upstream = createConnection(chosen, "127.0.0.1");
  upstream.on("error", () => client.destroy());
  upstream.on("close", () => client.destroy());
  client.on("close", () => upstream.destroy());
  client.pipe(upstream).pipe(client);
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
