"""The worker that a command of a test starts is a fork, and like the new program in whose place it is."""

import json
import os
import sys
from pathlib import Path

import forked

CHILD = """
import json, os, sys
modules = sorted(sys.modules)
import celery.apps.worker
from billiard import common
state = {"parent": os.getppid(), "session": os.getsid(0) == os.getpid(), "input": sys.stdin.read(), "argv": sys.argv}
remap = [celery.apps.worker.REMAP_SIGTERM, common.TERM_SIGNAME]
print(json.dumps(state | {"remap": remap, "forked": "worker.app" in modules, "color": os.environ.get("COLOR")}))
sys.exit(7)
"""
COMMAND = f"""
import json, os, subprocess, sys
for color in ("red", "blue"):
    words = [sys.executable, "-c", {CHILD!r}, color]
    pipe = {{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "start_new_session": True}}
    with subprocess.Popen(words, env={{**os.environ, "COLOR": color}}, **pipe) as process:
        out, _ = process.communicate(timeout=30)
    print(json.dumps([os.getpid(), process.returncode, json.loads(out)]))
"""


def test_the_first_program_that_a_waiting_command_starts_is_a_fork(tmp_path: Path) -> None:
    """Both are children with their own session, words, environment and files, and Celery reads their environment."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    done = forked.run("-c", COMMAND, "refresh", cwd=tmp_path, env=environment, timeout=60)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 2, done.stderr
    for color, (pid, code, child) in zip(("red", "blue"), lines, strict=True):
        assert code == 7
        same = {"parent": pid, "session": True, "input": "", "argv": ["-c", color], "remap": [None, "SIGTERM"]}
        assert child == same | {"forked": color == "red", "color": color}
