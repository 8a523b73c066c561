// What the scripts of a cluster share: JSON with binary values, and operations line by line.
import { createInterface } from "node:readline";

// {"$b64": "…"} ↔ Buffer, at any depth.
export function decode(value) {
  if (Array.isArray(value)) return value.map(decode);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.$b64 === "string") return Buffer.from(value.$b64, "base64");
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, decode(inner)]));
}

export function encode(value) {
  if (value instanceof ArrayBuffer) return encode(Buffer.from(value));
  if (ArrayBuffer.isView(value)) return { $b64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  if (Array.isArray(value)) return value.map(encode);
  if (value === null || typeof value !== "object") return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, encode(inner)]));
}

// Does one operation: {"op": name, …} by the function of that name. The answer is {"ok"} or {"error"}.
export async function perform(operations, operation) {
  try {
    const run = operations[operation.op];
    if (!run) throw new Error(`no operation ${operation.op}`);
    return { ok: encode((await run(decode(operation))) ?? null) };
  } catch (error) {
    return { error: String(error?.stack ?? error) };
  }
}

// Reads operations from stdin, one a line, and answers each by a line, in order; ends with stdin.
export async function serve(operations) {
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await perform(operations, JSON.parse(line))));
  }
  process.exit(0);
}
