// As @socket.io/redis-streams-emitter (not on the registry) writes: every message an entry of the stream, by uid "emitter".
import { encode } from "@msgpack/msgpack";

const Type = { BROADCAST: 3, JOIN: 4, LEAVE: 5, DISCONNECT: 6, SERVER_SIDE_EMIT: 9 };
const MAX_LEN = 10_000;

export class StreamsEmitter {
  constructor(client, options, namespace = "/", opts = { rooms: [], except: [], flags: {} }) {
    Object.assign(this, { client, options, namespace, opts });
  }

  of = (namespace) => this.with({}, namespace);
  to = (rooms) => this.with({ rooms: this.opts.rooms.concat(rooms) });
  except = (rooms) => this.with({ except: this.opts.except.concat(rooms) });
  get volatile() {
    return this.with({ flags: { ...this.opts.flags, volatile: true } });
  }

  emit = (...data) => this.add(Type.BROADCAST, { packet: { type: 2, data, nsp: this.namespace }, opts: this.opts });
  socketsJoin = (rooms) => this.add(Type.JOIN, { opts: this.opts, rooms: [].concat(rooms) });
  socketsLeave = (rooms) => this.add(Type.LEAVE, { opts: this.opts, rooms: [].concat(rooms) });
  disconnectSockets = (close = false) => this.add(Type.DISCONNECT, { opts: this.opts, close });
  serverSideEmit = (...packet) => this.add(Type.SERVER_SIDE_EMIT, { packet });

  with(opts, namespace = this.namespace) {
    return new StreamsEmitter(this.client, this.options, namespace, { ...this.opts, ...opts });
  }

  add(type, data) {
    const text = binary(data) ? Buffer.from(encode(data)).toString("base64") : JSON.stringify(data);
    const entry = { uid: "emitter", nsp: this.namespace, type: String(type), data: text };
    return this.client.xAdd(this.stream(), "*", entry, { TRIM: { strategy: "MAXLEN", strategyModifier: "~", threshold: MAX_LEN } });
  }

  stream() {
    const { streamName, streamCount = 1 } = this.options;
    if (streamCount === 1) return streamName;
    let hash = 0;
    for (const unit of this.namespace) hash = (hash * 31 + unit.charCodeAt(0)) | 0;
    return `${streamName}-${hash % streamCount}`;
  }
}

function binary(value) {
  if (value === null || typeof value !== "object") return false;
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer || Object.values(value).some(binary);
}
