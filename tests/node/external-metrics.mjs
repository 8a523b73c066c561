// Serves external.metrics.k8s.io/v1beta1 behind the API server: every metric of every namespace has one value, which is set by the
// test (tests/src/kubernetes/external.rs).
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { serve } from "./cluster/json.mjs";

const { port, certificate, key } = JSON.parse(process.argv[2]);
const apiVersion = "external.metrics.k8s.io/v1beta1";
const root = `/apis/${apiVersion}`;
let value = 0;

function answer(path) {
  if (path === root) return { kind: "APIResourceList", apiVersion: "v1", groupVersion: apiVersion, resources: [] };
  const metricName = path.match(new RegExp(`^${root}/namespaces/[^/]+/([^/]+)$`))?.[1];
  if (!metricName) return null;
  const item = { metricName, metricLabels: {}, timestamp: new Date().toISOString(), value: String(value) };
  return { kind: "ExternalMetricValueList", apiVersion, metadata: {}, items: [item] };
}

const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, response) => {
  const body = answer(new URL(request.url, "https://metrics").pathname);
  response.writeHead(body ? 200 : 404, { "content-type": "application/json" });
  response.end(body ? JSON.stringify(body) : "{}");
});
await new Promise((listening) => server.listen(port, "0.0.0.0", listening));

await serve({
  set(operation) {
    value = operation.value;
  },
});
