"""Runs a page's commands as they are written, in an empty folder.

    documented.py PAGE [HEADING...]

The binary is the `labeljoin` on the PATH. Blocks are run in order, of the
sections with these headings or of all:

    ```yaml, ```python  whose first line is `# NAME`: written to that file
    ```python           run by this Python, where nothing is named
    ```sql              run by DuckDB, which has to find rows
    ```sh               each line is run by a shell. A line that begins with
                        `labeljoin run` stays in the background until the end; one
                        that begins with `nats` is skipped where there is no such tool

Blocks that are indented are shown and not run.
"""

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

LONGEST = 90  # seconds until rows have to be there


def blocks(page, headings):
    """Yields (language, text) of the fenced blocks under the headings."""
    level, fence, text = 0, None, []
    for line in page.read_text(encoding="utf-8").splitlines():
        if fence is not None:
            if line == "```":
                if level or not headings:
                    yield fence, "\n".join(text) + "\n"
                fence = None
            else:
                text.append(line)
        elif line.startswith("```"):
            fence, text = line[3:].strip(), []
        elif m := re.match(r"(#+) (.*)", line):
            if m[2] in headings:
                level = len(m[1])
            elif len(m[1]) <= level:
                level = 0


def run_shell(line, background):
    command = line.split("   #")[0].strip()
    if not command or command.startswith("#"):
        return
    if command.startswith("nats ") and not shutil.which("nats"):
        print(f"   skipped, there is no nats tool: {command}", flush=True)
        return
    print(f"   $ {command}", flush=True)
    if command.startswith("labeljoin run"):
        log = open("run.log", "w")
        background.append(subprocess.Popen(["bash", "-c", "exec " + command], stdout=log, stderr=log))
        wait_for_port(4222, background[-1])
        return
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    sys.stdout.write(done.stdout)
    if done.returncode != 0:
        sys.exit(f"{command}: code {done.returncode}\n{done.stderr}")


def wait_for_port(port, process):
    for _ in range(300):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            sys.exit("labeljoin run has ended:\n" + Path("run.log").read_text())
        time.sleep(0.1)
    sys.exit("labeljoin run does not listen:\n" + Path("run.log").read_text())


def run_sql(query):
    """Runs a query until it has rows: a live joiner writes them after a while."""
    deadline = time.monotonic() + LONGEST
    while True:
        try:
            rows = duckdb.sql(query)
            if rows is None:  # a copy
                return
            if found := rows.fetchall():
                print(*found[:5], sep="\n", flush=True)
                return
        except duckdb.IOException:
            pass  # no file yet
        if time.monotonic() > deadline:
            sys.exit(f"no rows after {LONGEST} s: {query}")
        time.sleep(0.5)


def run_block(language, text, background):
    name = re.match(r"# (\S+\.\w+)\n", text)
    if language in ("yaml", "python") and name:
        print(f"   writes {name[1]}", flush=True)
        Path(name[1]).write_text(text, encoding="utf-8")
    elif language == "python":
        print("   runs Python", flush=True)
        subprocess.run([sys.executable, "-c", text], check=True, timeout=120)
    elif language == "sql":
        run_sql(text)
    elif language == "sh":
        for line in text.splitlines():
            run_shell(line, background)


def main():
    page, headings = Path(sys.argv[1]).resolve(), sys.argv[2:]
    print(f"-- {page.name} {', '.join(headings)}", flush=True)
    background, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            with contextlib.chdir(folder):
                for language, text in blocks(page, headings):
                    count += 1
                    run_block(language, text, background)
        finally:
            for process in background:
                process.send_signal(signal.SIGINT)
                if process.wait(60) != 0:
                    sys.exit(f"labeljoin run ended with {process.returncode}:\n" + Path(folder, "run.log").read_text())
    if count < 4:
        sys.exit(f"only {count} blocks found under {headings}")


if __name__ == "__main__":
    main()
