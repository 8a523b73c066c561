// What clients saw since they were asked last, in milliseconds.
export class Figures {
  constructor() {
    this.reset();
  }

  reset() {
    Object.assign(this, { connects: [], reconnects: [], latencies: [], silence: 0, received: 0 });
  }

  connected(kept) {
    const now = performance.now();
    if (kept.since) this.reconnects.push(now - kept.lostAt);
    else this.connects.push(now - kept.begun);
    kept.connectedAt = now;
  }

  // What was sent while a client was away comes late, which its reconnect tells.
  heard(kept, sent) {
    const now = performance.now();
    this.received += 1;
    if (kept.heardAt) this.silence = Math.max(this.silence, now - kept.heardAt);
    kept.heardAt = now;
    if (typeof sent === "number" && kept.ready && sent >= kept.connectedAt) this.latencies.push(now - sent);
  }

  take() {
    const { connects, reconnects, latencies, silence, received } = this;
    this.reset();
    return { connects, reconnects, latencies: quantiles(latencies), silence, received };
  }
}

// There are too many to tell all.
function quantiles(values) {
  const sorted = values.sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
