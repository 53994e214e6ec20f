"""What the tests of all trainings share: settings in a file, the log, a training that is killed, one on two processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict

import yaml

from signer_lib.assets import ROOT


def write_preset(path, config):
    path.write_text(yaml.safe_dump(asdict(config)), encoding="utf-8")
    return path


def log_of(folder):
    """The log, without the one value that is never the same twice."""
    lines = map(json.loads, (folder / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return [{key: value for key, value in line.items() if key != "minutes"} for line in lines]


def kill_at(lines, out, *command, how=signal.SIGKILL, **more):
    """Runs Python with the command, which trains into ``out``, and kills it when the log has so many lines; -> ``out``

    how  SIGTERM for a launcher, which kills its processes then.    more  of its environment.
    """
    process = subprocess.Popen([sys.executable, *map(str, command)], cwd=ROOT, env=environment(**more), stdout=subprocess.DEVNULL,
                               stderr=None if how == signal.SIGKILL else subprocess.DEVNULL)
    log, until = out / "log.jsonl", time.monotonic() + 300
    while not (log.is_file() and log.read_bytes().count(b"\n") >= lines):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.001)
    process.send_signal(how)
    assert process.wait() == -signal.SIGKILL if how == signal.SIGKILL else process.wait()
    return out


def launched(*command):
    """The command as two CPU processes: words for Python, and the environment that goes with them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # --multi_gpu with ACCELERATE_USE_CPU is two CPU processes: under --cpu, accelerate starts one, whatever --num_processes says
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no",
              "--dynamo_backend", "no", "--main_process_port", port, *command]
    return [*map(str, launch)], {"ACCELERATE_USE_CPU": "true"}


def on_two_processes(*command):
    """Runs Python with the command as two processes; -> what they printed"""
    words, around = launched(*command)
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=environment(**around), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment(**more):
    return os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1", "PYTHONPATH": str(ROOT)} | more
