"""A running joiner whose object store cannot be reached for a while: it goes on reading, says what waits, and in the
end all rows are in the store, as the log gives them. The store is behind a link that can be cut.
"""

import json
import socket
import subprocess
import threading
import time
import urllib.request

PATIENCE = 120  # seconds; nothing depends on how fast a machine is

CONFIG = """name: live
nats: {embedded: true, auth: none, port: 0}
guard: {enabled: false}
inputs: {create: true}
join: {window: 300ms, lateness: 0s, corrections: 0s}
labels: {clicked: 'type == "click"'}
http: {listen: "127.0.0.1:0", ingest: {listen: "127.0.0.1:0"}}
log: {format: json}
state: {dir: STATE}
output: {dir: 's3://BUCKET/ml/live', roll: {interval: 500ms}}
s3: {endpoint: 'http://127.0.0.1:PORT', region: us-east-1, path_style: true}
"""


class Failure(Exception):
    """A check that did not hold."""


class Link:
    """What goes to a port of this machine through a port of its own, until it is cut."""

    def __init__(self, to):
        self.to, self.up, self.ends = to, True, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while True:
            try:
                near, _ = self.listener.accept()
                if not self.up:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            self.ends += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(a, b), daemon=True).start()

    @staticmethod
    def carry(a, b):
        try:
            while data := a.recv(1 << 16):
                b.sendall(data)
        except OSError:
            pass
        for end in (a, b):
            end.close()

    def cut(self):
        self.up = False
        for end in self.ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.ends = []

    def mend(self):
        self.up = True


class Joiner:
    def __init__(self, binary, folder, config, env):
        self.binary, self.config, self.env, self.log = binary, config, env, folder / "live.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([binary, "run", "--config", config], env=env, stdout=log, stderr=log)

    def until(self, what, so):
        deadline = time.monotonic() + PATIENCE
        while not (found := so()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"{what} does not come; the log ends with\n{self.log.read_text()[-2000:]}")
            time.sleep(0.2)
        return found

    def ingest(self):
        """Where events are taken."""
        for line in self.log.read_text().splitlines():
            if line.startswith("{") and (said := json.loads(line)).get("msg") == "taking events by http":
                return said["url"]
        return None

    def status(self):
        done = subprocess.run([self.binary, "status", "--config", self.config, "--json"], env=self.env, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=PATIENCE)
        return json.loads(done.stdout) if done.returncode == 0 else {}


def send(url, first, count):
    """Requests, every other one with a click."""
    now = int(time.time() * 1000)
    requests = [{"request_id": f"r{n}", "ts": now} for n in range(first, first + count)]
    clicks = [{"request_id": r["request_id"], "ts": now, "type": "click"} for r in requests[::2]]
    for kind, events in (("requests", requests), ("outcomes", clicks)):
        body = urllib.request.Request(f"{url.removesuffix('/events/')}/events/{kind}", json.dumps(events).encode(),
                                      {"Content-Type": "application/json"})
        urllib.request.urlopen(body, timeout=PATIENCE).close()


def check(binary, folder, name, bucket, port, env):
    """Returns what was done, in words."""
    link, config = Link(port), folder / f"live-{name}.yaml"
    config.write_text(CONFIG.replace("STATE", f"state-live-{name}").replace("BUCKET", bucket).replace("PORT", str(link.port)))
    joiner = Joiner(binary, folder, config, env)
    try:
        url = joiner.until("the address for events", joiner.ingest)
        joiner.until("the stream", lambda: joiner.status().get("joining"))
        send(url, 0, 100)
        before = joiner.until("the first rows", lambda: (s := joiner.status()).get("rows") == 100 and s)
        link.cut()
        for n in range(100, 1000, 100):
            send(url, n, 100)
        joiner.until("reading while the store is away", lambda: joiner.status()["events"]["request"]["read"] == 1000)
        waits = joiner.until("why it waits", lambda: [w for w in joiner.status().get("waits", []) if w["reason"] == "store"])
        if (rows := joiner.status()["rows"]) != 100:
            raise Failure(f"there are {rows} rows, though the store is away")
        link.mend()
        after = joiner.until("the rest of the rows", lambda: (s := joiner.status()).get("rows") == 1000 and not s.get("waits") and s)
    finally:
        joiner.process.terminate()
        joiner.process.wait(PATIENCE)
    done = subprocess.run([binary, "verify", "--config", config], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=PATIENCE)
    if done.returncode or "1000 rows" not in done.stdout.replace(",", ""):
        raise Failure(f"verify ended with {done.returncode}: {done.stdout}")
    return f"900 requests read while the store was away ({waits[0]['reason']}), and {after['commits'] - before['commits']} commits after"
