"""The unmodified python-socketio client, over both transports: python client.py '{"url": ...}'."""

import asyncio
import json
import sys

import socketio

PATIENCE = 8


class Client:
    """A connected client whose events land in a queue."""

    def __init__(self):
        self.sio = socketio.AsyncClient(reconnection_delay=0.05, reconnection_delay_max=0.1)
        self.events = asyncio.Queue()

    async def connect(self, url, transports, namespaces, auth=None):
        for namespace in namespaces:
            self.sio.on("*", self._handler(namespace), namespace=namespace)
        await self.sio.connect(url, transports=transports, namespaces=namespaces, auth=auth, wait_timeout=PATIENCE)
        return self

    def _handler(self, namespace):
        async def handle(event, *args):
            if event not in ("connect", "disconnect"):
                await self.events.put((namespace, event, *args))

        return handle

    async def next(self):
        return await asyncio.wait_for(self.events.get(), PATIENCE)

    async def call(self, event, *args, namespace="/"):
        return await self.sio.call(event, args, namespace=namespace, timeout=PATIENCE)


def check(what, actual, expected):
    assert actual == expected, f"{what}: got {str(actual):.300}, not {str(expected):.300}"
    print(json.dumps({"check": what}))


async def run(url, transports):
    room = "python-" + "-".join(transports)
    auth = {"name": "Ada", "deep": [1, None, "é"]}
    first = await Client().connect(url, transports, ["/", "/auth", "/org-py"], auth)
    welcomes = sorted([await first.next(), await first.next()])
    check("auth payload", welcomes[0], ("/auth", "auth", auth))
    check("a namespace by pattern", welcomes[1][:3], ("/org-py", "hello", "py"))

    stranger = socketio.AsyncClient(reconnection=False)
    refusal = asyncio.get_running_loop().create_future()
    stranger.on("connect_error", refusal.set_result, namespace="/unknown")
    await stranger.connect(url, transports=transports, namespaces=["/unknown"], wait=False)
    check("unknown namespace", await asyncio.wait_for(refusal, PATIENCE), {"message": "Invalid namespace"})
    await stranger.disconnect()

    second = await Client().connect(url, transports, ["/"])
    check("ack without arguments", await second.call("join", room), None)
    check("ack with one", await first.call("say", room, 1), "said")
    check("broadcast", await second.next(), ("/", "say", room, 1))
    # Ten at a time: this client takes at most 16 packets in one poll.
    for start in range(0, 100, 10):
        numbers = list(range(start, start + 10))
        for number in numbers:
            await first.sio.emit("say", (room, number))
        check("order", [(await second.next())[3] for _ in numbers], numbers)

    nested = {"a": [b"\x00\x01", {"b": b"\xff" * 70_000}], "text": "ü"}
    check("binary in an ack", await first.call("echo", nested, b""), (nested, b""))
    await first.sio.emit("say", (room, nested))
    check("binary broadcast", await second.next(), ("/", "say", room, nested))

    refused = await first.call("no-such-event")
    check("refused", refused["error"]["code"], "unknown_event")
    await first.sio.disconnect()
    await second.sio.disconnect()
    check("disconnected", (first.sio.connected, second.sio.connected), (False, False))


async def main():
    url = json.loads(sys.argv[1])["url"]
    for transports in (["polling"], ["websocket"], ["polling", "websocket"]):
        await run(url, transports)


asyncio.run(main())
