"""Measures one operator with many fleets, from inside the cluster's network: `bench/fleets` starts it."""

import json
import random
import subprocess
import sys
import threading
import time

SPEC = {
    "replicas": 0,
    "image": {"tag": "any"},
    "namespaces": [
        {"name": "/politics", "events": [{"name": "vote", "join": ["election-{0.id}"]}]},
        {"name": "/crime"},
        {"name": "/business"},
        {"name": "/engagement"},
    ],
}


def kubectl(*arguments, text=None):
    run = subprocess.run(["kubectl", *arguments], input=text, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"kubectl {' '.join(arguments)}: {run.stderr}")
    return run.stdout


def fleet(number):
    return {
        "apiVersion": "carillon.dev/v1alpha1",
        "kind": "RealtimeCluster",
        "metadata": {"name": f"fleet{number}", "namespace": "fleets"},
        "spec": SPEC,
    }


def memory(process):
    """Resident set, now and at its highest, in MB."""
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as status:
        lines = dict(line.split(":", 1) for line in status)
    return [int(lines[key].split()[0]) / 1000 for key in ("VmRSS", "VmHWM")]


def settled():
    """How many fleets are ready with their present spec."""
    items = json.loads(kubectl("get", "rtc", "--namespace", "fleets", "--output", "json"))["items"]
    def ready(item):
        status = item.get("status", {})
        conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
        current = status.get("observedGeneration") == item["metadata"]["generation"]
        return current and conditions.get("Ready") == "True"
    return sum(map(ready, items))


def watch(seen):
    """Notes when each ConfigMap changes."""
    command = ["kubectl", "get", "configmap", "--namespace", "fleets", "--watch-only", "--output", "json"]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    def read():
        text = ""
        for line in watching.stdout:
            text += line
            if line == "}\n":
                seen[json.loads(text)["metadata"]["name"]] = time.monotonic()
                text = ""
    threading.Thread(target=read, daemon=True).start()
    return watching


def react(number, seen):
    """Edits the rules of a fleet; seconds from the answer to the edit until the rules are published."""
    name = f"fleet{number}-rules"
    seen.pop(name, None)
    edit = [{"op": "add", "path": "/spec/namespaces/1/welcome", "value": [{"event": "hi", "args": [time.time()]}]}]
    kubectl("patch", "rtc", f"fleet{number}", "--namespace", "fleets", "--type=json", "--patch", json.dumps(edit))
    answered = time.monotonic()
    while name not in seen:
        if time.monotonic() - answered > 60:
            sys.exit(f"fleet{number}: no reaction within 60 s")
        time.sleep(0.002)
    return max(0.0, seen[name] - answered)


def main(count, operator):
    kubectl("create", "namespace", "fleets")
    process = subprocess.Popen(
        [operator, "run", "--lease-namespace", "carillon-system", "--log-level", "warn"]
    )
    try:
        began = time.monotonic()
        items = [fleet(number) for number in range(count)]
        kubectl("create", "--filename", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        made = time.monotonic()
        while settled() < count:
            time.sleep(1)
        now, highest = memory(process)
        print(f"{count} fleets: made in {made - began:.0f} s, settled {time.monotonic() - made:.0f} s later")
        print(f"memory: {now:.0f} MB, at its highest {highest:.0f} MB")
        seen = {}
        watching = watch(seen)
        # The watch is there once it shows a change.
        while not seen:
            kubectl("label", "configmap", "fleet0-rules", "--namespace", "fleets", "--overwrite", f"seen={time.monotonic_ns()}")
            time.sleep(0.1)
        times = sorted(react(random.randrange(count), seen) for _ in range(200))
        watching.kill()
        at = lambda share: 1000 * times[min(len(times) - 1, int(share * len(times)))]
        print(f"reaction to an edit, of 200: p50 {at(0.5):.0f} ms, p99 {at(0.99):.0f} ms, longest {1000 * times[-1]:.0f} ms")
        print(f"memory afterwards: {memory(process)[0]:.0f} MB")
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
