"""Runs the browser's modules in Node.js."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor" / ".stamp"
BESIDE_PYTHON = str(Path(sys.executable).parent)


def node() -> str:
    """Return the path of Node.js 20 or newer, or skip the test with the reason."""
    found = shutil.which("node") or shutil.which("node", path=BESIDE_PYTHON)
    if found is None:
        pytest.skip("there is no Node.js on this machine: apt install nodejs")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < 20:
        pytest.skip(f"Node.js {version} is older than the browsers of today; 20 or newer is needed")
    if not VENDOR.is_file():
        pytest.skip("the browser's packages are not installed: python tools/browser_packages.py")
    return found


def run_module(script: str, lines: Iterable[object], *, timeout: float = 100) -> list[Any]:
    """Run tests/js/`script` with one line of standard input per entry; return the JSON of each line that it prints."""
    given = "".join(f"{line if isinstance(line, str | Path) else json.dumps(line)}\n" for line in lines)
    command = [node(), "--import", "./tests/js/node.mjs", f"tests/js/{script}"]
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]
