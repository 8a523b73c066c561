"use strict";

// The namespace, room and events of the example rules; development mode knows no events but join, leave and publish.
const NAMESPACE = "/politics";
const RESULTS = "election:results-update";
const CALLED = "election:race-called";
const room = (election) => `election-${election}`;

const BROWSERS = [
  { title: "Websocket first", transports: ["websocket", "polling"] },
  { title: "Polling, then upgrade", transports: ["polling", "websocket"] },
  { title: "Polling only", transports: ["polling"] },
];

const $ = (id) => document.getElementById(id);
const now = () => performance.timeOrigin + performance.now();
const short = (ms) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

/** One browser: a socket of its own, as an app would make it, and the card that shows it. */
class Browser {
  constructor({ title, transports }) {
    this.card = $("browser").content.cloneNode(true).firstElementChild;
    this.card.querySelector("h3").textContent = title;
    this.events = 0;
    this.reconnects = 0;
    this.slowest = 0;
    $("browsers").append(this.card);
    this.socket = io(NAMESPACE, { transports, forceNew: true });
    this.listen();
  }

  listen() {
    const { socket } = this;
    const { io: manager } = socket;
    socket.on("connect", () => this.connected());
    socket.on("disconnect", (reason) => this.lost(reason));
    socket.on("connect_error", (error) => this.log(`connect error: ${error.message}`));
    socket.on(RESULTS, (results) => this.results(results));
    socket.on(CALLED, (race) => this.called(race));
    socket.on("error", (error) => this.log(`refused: ${error.message ?? error.code}`));
    manager.on("reconnect", () => this.show("reconnects", ++this.reconnects));
    manager.on("reconnect_attempt", (attempt) => this.state(`attempt ${attempt}`, "down"));
    for (const [action, run] of [["cut", () => this.cut()], ["toggle", () => this.toggle()]]) {
      this.card.querySelector(`[data-does="${action}"]`).addEventListener("click", run);
    }
  }

  connected() {
    const { engine } = this.socket.io;
    this.state("connected", "up");
    this.show("id", this.socket.id);
    this.show("transport", engine.transport.name);
    engine.on("upgrade", (transport) => {
      this.show("transport", transport.name);
      this.log(`upgraded to ${transport.name}`);
    });
    this.log("connected");
    this.join($("election").value);
  }

  lost(reason) {
    this.state("lost", "down");
    this.show("transport", "–");
    this.log(`disconnected: ${reason}`);
  }

  /** Joins as the example rules let it; where they do not know the event, as development mode does. */
  async join(election) {
    const started = now();
    const refusal = (answer) => answer?.error;
    try {
      const socket = this.socket.timeout(5000);
      let answer = await socket.emitWithAck("join-election", election);
      if (refusal(answer)?.code === "unknown_event") {
        answer = await socket.emitWithAck("join", room(election));
      }
      const error = refusal(answer);
      this.log(error ? `not joined: ${error.message}` : `joined ${room(election)} in ${short(now() - started)}`);
    } catch {
      this.log("not joined: no answer");
    }
  }

  results({ sentAt, votes, ...rest }) {
    this.received(sentAt);
    if (!votes) return this.log(`${RESULTS} ${JSON.stringify(rest)}`);
    const total = Math.max(1, votes.aldana + votes.brandt);
    this.part("a").value = votes.aldana / total;
    this.part("b").value = votes.brandt / total;
    this.show("a-votes", votes.aldana.toLocaleString("en"));
    this.show("b-votes", votes.brandt.toLocaleString("en"));
  }

  called({ sentAt, winner }) {
    this.received(sentAt);
    this.show("called", `${winner} has won.`);
    this.log(`race called for ${winner}`);
  }

  /** Counts an event; one that this page has sent tells when, and both ends read one clock. */
  received(sentAt) {
    this.show("events", ++this.events);
    if (sentAt) {
      const taken = now() - sentAt;
      this.slowest = Math.max(this.slowest, taken);
      this.show("delivery", `${short(taken)}, most ${short(this.slowest)}`);
    }
    this.card.classList.add("flash");
    clearTimeout(this.flash);
    this.flash = setTimeout(() => this.card.classList.remove("flash"), 250);
  }

  /** Loses the connection as a train in a tunnel does; the client comes back by itself. */
  cut() {
    this.socket.io.engine?.close();
  }

  toggle() {
    const gone = this.socket.connected;
    const button = this.card.querySelector('[data-does="toggle"]');
    button.textContent = gone ? "Come back" : "Leave";
    if (gone) this.socket.disconnect();
    else this.socket.connect();
  }

  state(text, kind) {
    this.show("state", text);
    this.part("state").className = kind;
  }

  log(text) {
    const line = document.createElement("li");
    line.textContent = `${new Date().toTimeString().slice(0, 8)} ${text}`;
    const log = this.part("log");
    log.prepend(line);
    while (log.children.length > 8) log.lastElementChild.remove();
  }

  show(name, value) {
    this.part(name).textContent = value;
  }

  part(name) {
    return this.card.querySelector(`[data-is="${name}"]`);
  }
}

/** The backend: what any program that can send a POST does. */
class Backend {
  constructor() {
    const given = new URLSearchParams(location.hash.slice(1)).get("key");
    if (given) {
      sessionStorage.setItem("key", given);
      history.replaceState(null, "", location.pathname);
    }
    $("key").value = sessionStorage.getItem("key") ?? "";
    $("key").addEventListener("change", () => this.probe());
    $("backend").addEventListener("submit", (event) => {
      event.preventDefault();
      this.emit(this.update());
    });
    $("count").addEventListener("click", () => this.emit(this.counted()));
    $("burst").addEventListener("click", () => this.emit(Array.from({ length: 100 }, () => this.counted())));
    $("call").addEventListener("click", () => this.emit(this.call()));
    $("election").addEventListener("change", () => browsers.forEach((browser) => browser.join($("election").value)));
    $("backend").addEventListener("input", () => this.tell());
    this.tell();
    this.probe();
  }

  votes() {
    return { aldana: Number($("votes-a").value), brandt: Number($("votes-b").value) };
  }

  event(event, payload) {
    const election = $("election").value;
    const args = [{ electionId: election, ...payload }];
    return { namespace: NAMESPACE, rooms: [room(election)], event, args };
  }

  update() {
    return this.event(RESULTS, { votes: this.votes() });
  }

  counted() {
    for (const input of [$("votes-a"), $("votes-b")]) {
      input.value = Number(input.value) + Math.floor(Math.random() * 900);
    }
    return this.update();
  }

  call() {
    const { aldana, brandt } = this.votes();
    return this.event(CALLED, { winner: aldana >= brandt ? "Aldana" : "Brandt" });
  }

  headers() {
    const key = $("key").value.trim();
    const headers = { "Content-Type": "application/json" };
    return key ? { ...headers, Authorization: `Bearer ${key}` } : headers;
  }

  /** Whether this port serves the API to this key. Without it, development mode can still publish by a socket. */
  async probe() {
    sessionStorage.setItem("key", $("key").value.trim());
    const { status } = await fetch("/v1/info", { headers: this.headers() }).catch(() => ({ status: 0 }));
    this.socket?.disconnect();
    this.socket = status === 404 ? io(NAMESPACE, { forceNew: true, transports: ["websocket"] }) : undefined;
    const states = {
      0: "The gateway does not answer.",
      200: "The API takes this key.",
      401: "The API wants the key that was printed at the start.",
      403: "This key may emit, or is for other namespaces: try it.",
      404: "No API on this port: emitting by a socket's `publish`, as development mode allows. `make run` serves both.",
    };
    $("api-state").textContent = states[status] ?? `The API answers ${status}.`;
  }

  async emit(body) {
    this.tell();
    const started = now();
    for (const { args } of [body].flat()) args[0].sentAt = started;
    if (this.socket) return this.publish([body].flat());
    try {
      const answer = await fetch("/v1/emit", { method: "POST", headers: this.headers(), body: JSON.stringify(body) });
      const text = this.summary(await answer.json());
      $("answer").textContent = `${answer.status} in ${short(now() - started)}\n${text}`;
    } catch (error) {
      $("answer").textContent = `no answer: ${error.message}`;
    }
  }

  summary(answer) {
    if (!Array.isArray(answer)) return JSON.stringify(answer, null, 1);
    const recipients = answer.reduce((sum, one) => sum + (one.recipients ?? 0), 0);
    const refused = answer.filter((one) => one.error).length;
    return `${answer.length} events, ${refused} refused, ${recipients} deliveries`;
  }

  publish(events) {
    for (const { rooms, event, args } of events) this.socket.emit("publish", rooms[0], event, ...args);
    $("answer").textContent = `${events.length} published by socket ${this.socket.id}`;
  }

  /** What to type in a terminal instead. */
  tell() {
    const body = JSON.stringify(this.update()).replaceAll("'", "'\\''");
    $("curl").textContent = [
      `curl -sS ${location.origin}/v1/emit`,
      "  -H 'Content-Type: application/json'",
      '  -H "Authorization: Bearer $KEY"',
      `  -d '${body}'`,
    ].join(" \\\n");
  }
}

const browsers = BROWSERS.map((browser) => new Browser(browser));
new Backend();
