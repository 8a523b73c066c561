// The game's browser code: four namespaces, default options, one join each.
window.heard = {};
window.errors = [];
window.joined = 0;

window.start = (url, transports) => {
  const connect = (namespace, join, id) => {
    const socket = io(url + namespace, { transports });
    socket.on("connect", () => socket.emit(join, id, () => (window.joined += 1)));
    socket.on("connect_error", (error) => window.errors.push(error.message));
    socket.onAny((event, ...args) => (window.heard[event] ??= []).push(args));
    return socket;
  };
  const sockets = [
    connect("/politics", "join-election", "us-2028"),
    connect("/crime", "join-territory", "t-1"),
    connect("/business", "join-company", "c-1"),
    connect("/engagement", "join-feed", "u-1"),
  ];
  window.transports = () => sockets.map((socket) => socket.io.engine.transport.name);
};
