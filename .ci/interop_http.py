#!/usr/bin/env python3
"""Sends events to labeljoin with clients that others wrote, and looks for their rows.

usage: interop_http.py LABELJOIN WORKDIR

LABELJOIN is the binary, WORKDIR a new directory. One service with its embedded broker
takes the events of each client; DuckDB reads the rows in the end:

  requests    Python's requests: an array, lines compressed with gzip, a bad event among
              good ones, an Idempotency-Key twice
  cloudevents the SDK of CloudEvents, structured and in binary mode; a request and its
              outcome have one id and one source, as KServe's logger sends them
  otlp        an exporter of OpenTelemetry's SDK, in protobuf, at /v1/logs
  browser     a page with navigator.sendBeacon and fetch, in headless Chromium, from an
              origin that may send and from one that may not (left out without Chromium)

Exit code 0: all is well.
"""

import functools
import gzip
import http.server
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import requests

CONFIG = """
name: http
nats: {embedded: true, port: 0}
inputs:
  requests: {subject: "requests.>"}
  outcomes: {subject: "outcomes.>"}
  cloud:
    subject: "cloud.>"
    format: cloudevents
    kind: 'event.type endsWith ".request" ? "request" : "outcome"'
    map: {request_id: event.id, ts: event.time, type: event.type, value: event.data.value}
  logs:
    subject: "logs.>"
    format: otlp
    kind: event.attributes.kind
    map: {request_id: event.attributes.id, ts: event.time, type: event.body, value: event.attributes.price}
join: {window: 5s, lateness: 1s, corrections: 5m}
guard: {enabled: false}
labels:
  done: 'type in ["click", "x.response"]'
  worth: {when: 'has_value', value: sum}
output: {roll: {interval: 500ms}}
http: {listen: "127.0.0.1:0", ingest: {listen: "127.0.0.1:0", cors: [ORIGIN]}}
log: {format: json}
"""

PATIENCE = 120  # seconds


def expect(holds, *what):
    if not holds:
        raise SystemExit("FAILED: " + " ".join(str(w) for w in what))


class Service:
    """A running labeljoin."""

    def __init__(self, binary, work, origin):
        work.mkdir(parents=True)
        (work / "labeljoin.yaml").write_text(CONFIG.replace("ORIGIN", json.dumps(origin)))
        self.work, self.log = work, work / "log"
        self.process = subprocess.Popen([binary, "run"], cwd=work, stderr=self.log.open("w"))
        self.url = self.said("taking events by http", "url").removesuffix("/events/")
        self.metrics = self.said("answering", "metrics")
        self.until(lambda: requests.post(self.url + "/events/outcomes", json={}).status_code == 400)

    def until(self, so):
        deadline = time.time() + PATIENCE
        while time.time() < deadline:
            expect(self.process.poll() is None, "labeljoin ended:", self.log.read_text()[-3000:])
            if so():
                return
            time.sleep(0.1)
        raise SystemExit("FAILED: waited in vain: " + self.log.read_text()[-3000:])

    def said(self, message, key):
        found = []

        def look():
            for line in self.log.read_text().splitlines():
                if line.startswith("{") and json.loads(line).get("msg") == message:
                    found.append(json.loads(line)[key])
            return bool(found)

        self.until(look)
        return found[0]

    def rows(self, want):
        """The rows of the newest revisions, once there are as many."""
        query = f"""select request_id, done, worth from read_parquet('{self.work}/labeled/data/**/*.parquet', union_by_name=true)
                    qualify row_number() over (partition by request_id order by revision desc) = 1"""
        found = {}

        def look():
            found.clear()
            if any((self.work / "labeled").glob("data/**/*.parquet")):
                found.update({r[0]: r[1:] for r in duckdb.sql(query).fetchall()})
            return want.keys() <= found.keys() and all(found[k] == v for k, v in want.items() if v[0] == 1)

        self.until(look)
        return dict(found)


def now_ms():
    return int(time.time() * 1000)


def with_requests(url):
    """Rows that are wanted of what the library requests sends."""
    events = [{"request_id": f"py-{i}", "ts": now_ms()} for i in range(4)]
    answer = requests.post(url + "/events/requests", json=events)
    expect(answer.status_code == 202 and answer.json()["accepted"] == 4, "requests, an array:", answer.text)
    clicks = [{"request_id": f"py-{i}", "ts": now_ms(), "type": "click"} for i in range(2)]
    body = gzip.compress("\n".join(map(json.dumps, clicks + [{"request_id": "py-3", "type": "click"}])).encode())
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip", "Idempotency-Key": "once"}
    for copies in (0, 2):
        answer = requests.post(url + "/events/outcomes", data=body, headers=headers)
        said = answer.json()
        expect(answer.status_code == 207 and said["copies"] == copies and said["refused"][0]["reason"] == "missing_ts",
               "requests, lines in gzip:", answer.text)
    return {f"py-{i}": (int(i < 2), 0.0) for i in range(4)}


def with_cloudevents(url):
    try:
        from cloudevents.v1.conversion import to_binary, to_structured
        from cloudevents.v1.http import CloudEvent
    except ImportError:  # of version 1 of the SDK
        from cloudevents.http import CloudEvent, to_binary, to_structured
    want = {}
    for n, encode in enumerate((to_binary, to_structured)):
        for kind, data in (("x.request", {}), ("x.response", {"value": 2.5})):
            event = CloudEvent({"type": kind, "source": "kserve", "id": f"ce-{n}",
                                "time": datetime.now(timezone.utc).isoformat()}, data)
            headers, body = encode(event)
            for again in (False, True):
                answer = requests.post(url + "/events/cloud", data=body, headers=headers)
                expect(answer.status_code == 202, "cloudevents:", answer.status_code, answer.text)
        want[f"ce-{n}"] = (1, 2.5)
    return want


def with_otlp(url):
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=url + "/logs")))
    logger = provider.get_logger("shop")
    for i in range(3):
        logger.emit(timestamp=time.time_ns(), body="asked", attributes={"kind": "request", "id": f"otel-{i}"})
    for i in range(2):
        logger.emit(timestamp=time.time_ns(), body="click",
                    attributes={"kind": "outcome", "id": f"otel-{i}", "price": 1.5})
    expect(provider.force_flush(), "otlp: the exporter could not send")
    provider.shutdown()
    return {f"otel-{i}": (int(i < 2), 1.5 * (i < 2)) for i in range(3)}


PAGE = """<!doctype html><script>
const now = Date.now(), say = text => document.title = text;
const sent = navigator.sendBeacon(%(url)s + "/events/requests", JSON.stringify({request_id: %(id)s, ts: now}));
fetch(%(url)s + "/events/outcomes", {method: "POST", headers: {"Content-Type": "application/json"},
  body: JSON.stringify({request_id: %(id)s, ts: now + 1, type: "click"})})
  .then(async a => say("answered " + a.status + " " + (await a.json()).accepted), () => say("blocked"));
</script>"""


class Pages(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def serve_pages(folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Pages, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def with_browser(url, chromium, pages, port, foreign):
    for name in ("own", "foreign"):
        (Path(pages) / f"{name}.html").write_text(PAGE % {"url": json.dumps(url), "id": json.dumps(f"page-{name}")})
    for origin, name, want in ((port, "own", "answered 202 1"), (foreign, "foreign", "blocked")):
        with tempfile.TemporaryDirectory() as profile:
            out = subprocess.run(
                [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
                 "--virtual-time-budget=8000", "--dump-dom", f"http://127.0.0.1:{origin}/{name}.html"],
                capture_output=True, text=True, timeout=PATIENCE)
        title = re.search("<title>(.*?)</title>", out.stdout)
        expect(title and title.group(1) == want, "browser:", name, out.stdout[-500:], out.stderr[-500:])
    return {"page-own": (1, 0.0)}


def main():
    binary, work = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]).resolve()
    pages = tempfile.mkdtemp()
    own, other = serve_pages(pages), serve_pages(pages)
    service = Service(binary, work, f"http://127.0.0.1:{own.server_port}")
    try:
        want = with_requests(service.url) | with_cloudevents(service.url) | with_otlp(service.url)
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if chromium:
            want |= with_browser(service.url, chromium, pages, own.server_port, other.server_port)
        else:
            print("SKIPPED: the browser, because there is no Chromium")
        found = service.rows(want)
        for request, labels in sorted(want.items()):
            expect(found[request] == labels, request, "has the labels", found[request], "and not", labels)
        expect(found.keys() == want.keys(), "rows of no client:", found.keys() - want.keys())
        service.process.send_signal(signal.SIGTERM)
        expect(service.process.wait(PATIENCE) == 0, "labeljoin ended with", service.process.returncode)
    finally:
        service.process.kill()
    print(f"{len(want)} requests of {4 if chromium else 3} clients have their rows")


if __name__ == "__main__":
    main()
