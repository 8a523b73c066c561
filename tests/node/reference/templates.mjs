// Templates as the rules define them: one placeholder keeps its type, else scalars fill a string.
import { Refusal } from "./book.mjs";

export function render(template, facts) {
  if (typeof template !== "string") return template;
  const whole = /^\{([^{}]+)\}$/.exec(template);
  if (whole) return lookup(whole[1], facts);
  return template.replace(/\{([^{}]+)\}/g, (_, path) => {
    const value = lookup(path, facts);
    if (!["string", "number", "boolean"].includes(typeof value)) throw new Refusal("invalid", `{${path}} is no scalar`);
    return String(value);
  });
}

function lookup(path, facts) {
  const [head, ...rest] = path.split(".");
  const start = /^\d+$/.test(head) ? facts.args[Number(head)] : facts[head];
  const value = rest.reduce((at, key) => at?.[key], start);
  if (value === undefined) throw new Refusal("invalid", `{${path}} is missing`);
  return value;
}
