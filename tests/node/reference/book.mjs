// Guards and memory of the reference server: schemas, limits, room names, history.
import { Ajv2020 } from "ajv/dist/2020.js";

export class Refusal extends Error {
  constructor(code, message, retryAfter) {
    super(message);
    Object.assign(this, { code, retryAfter });
  }
}

export class Book {
  #ajv = new Ajv2020({ strict: false });
  #compiled = new Map();
  #history = new Map();

  constructor(document) {
    this.document = document;
  }

  limit(buckets, event) {
    const [, count, unit] = /^(\d+)\/([smh])$/.exec(event.limit);
    const rate = count / { s: 1, m: 60, h: 3600 }[unit];
    const now = performance.now() / 1000;
    const bucket = buckets.get(event.name) ?? { level: Number(count), at: now };
    bucket.level = Math.min(count, bucket.level + (now - bucket.at) * rate);
    bucket.at = now;
    buckets.set(event.name, bucket);
    if (bucket.level < 1) throw new Refusal("rate_limited", "too fast", Math.ceil((1000 * (1 - bucket.level)) / rate));
    bucket.level -= 1;
  }

  validate(schemas, args) {
    const fits = schemas.length === args.length && schemas.every((schema, index) => this.#fits(schema, args[index]));
    if (!fits) throw new Refusal("invalid", "arguments do not fit");
  }

  room(name) {
    if (Buffer.byteLength(name) > 256) throw new Refusal("invalid", "room name too long");
    return name;
  }

  keep(namespace, room, event, size) {
    const key = `${namespace} ${room}`;
    this.#history.set(key, [...(this.#history.get(key) ?? []), event].slice(-size));
  }

  kept(namespace, room) {
    return this.#history.get(`${namespace} ${room}`) ?? [];
  }

  rules(namespace) {
    return this.document.namespaces.find(({ name, pattern }) => name === namespace || (pattern && new RegExp(pattern).test(namespace)));
  }

  #fits(schema, value) {
    if (schema.binary) return Buffer.isBuffer(value) && value.length <= schema.maxBytes;
    if (Buffer.isBuffer(value)) return false;
    if (!this.#compiled.has(schema)) {
      this.#compiled.set(schema, this.#ajv.compile({ ...schema, schemas: this.document.schemas }));
    }
    return this.#compiled.get(schema)(value);
  }
}
