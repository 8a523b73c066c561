// The part of the HTTP API that the scenarios call, on Socket.IO's own server API.
const RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

export function backend(io, book) {
  const calls = { "/v1/emit": emit, "/v1/disconnect": disconnect };
  return async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { status = 200, ...body } = await calls[request.url](JSON.parse(Buffer.concat(chunks)));
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };

  async function emit({ namespace, event, args, rooms = [], sockets = [], except = [], ack }) {
    if (RESERVED.includes(event)) return { status: 400 };
    const rules = book.rules(namespace);
    if (rules.history) for (const room of rooms) book.keep(namespace, room, [event, ...args], rules.history.size);
    const to = [...rooms, ...sockets];
    let target = io.of(namespace).except(except);
    if (to.length) target = target.to(to);
    if (!ack) return { accepted: target.emit(event, ...args) };
    const milliseconds = ack.timeout.endsWith("ms") ? parseInt(ack.timeout) : parseInt(ack.timeout) * 1000;
    return new Promise((resolve) =>
      target.timeout(milliseconds).emit(event, ...args, (error, answers) => {
        resolve({ acks: answers.map(portable), timedOut: Boolean(error) });
      }),
    );
  }

  function disconnect({ namespace, sockets, close }) {
    io.of(namespace).in(sockets).disconnectSockets(close);
    return { accepted: true };
  }
}

// Socket.IO hands a gathered ack's first argument only.
const portable = (value) => [Buffer.isBuffer(value) ? { $b64: value.toString("base64") } : value];
