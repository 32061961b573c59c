#!/usr/bin/env python3
"""Prepare .venv for one of the locked lists of requirements: `python3 tools/environment.py base`.

Runs with nothing but Python's own library, and does nothing where the list is installed already. Old Pythons must
be able to read this file, to be told what is wrong with them: no syntax newer than 3.6.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
KNOWN = ("python3.13", "python3.12", "python3.11")


def main(arguments):
    """Return the exit status: 0 where the environment is ready."""
    if len(arguments) not in (1, 2):
        return complain("Usage: python3 tools/environment.py LIST [FOLDER], LIST being a file of requirements/.")
    requirements = ROOT / "requirements" / (arguments[0] + ".txt")
    venv = ROOT / (arguments[1] if len(arguments) == 2 else ".venv")
    if not requirements.is_file():
        return complain(f"There is no requirements/{arguments[0]}.txt.")
    python = venv / "bin" / "python"
    if not runs(python):
        interpreter = suitable_python()
        if interpreter is None:
            return complain(
                "CoreQC needs Python 3.11 or newer; {} is Python {}.{}. Install a newer Python, or name one: "
                "make PYTHON=/path/to/python3.12 ...".format(sys.executable, *sys.version_info[:2])
            )
        say(f"Making {venv.name} with {interpreter} ...")
        made = subprocess.run([interpreter, "-m", "venv", "--clear", str(venv)], stdout=subprocess.PIPE)
        if made.returncode:
            print(made.stdout.decode(errors="replace"), file=sys.stderr)
            return complain(
                "Python could not make a virtual environment. On Debian and Ubuntu its module comes in a package "
                "of its own: apt install python3-venv."
            )
    wanted = fingerprint(requirements)
    stamp = venv / f"coreqc-{requirements.stem}.stamp"
    if stamp.is_file() and stamp.read_text() == wanted:
        return 0
    say(f"Installing requirements/{requirements.name} into {venv.name} (once; a few minutes at most) ...")
    install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-r"]
    if subprocess.run([*install, str(requirements)]).returncode:
        return complain("The packages could not be installed; the lines above say why. Then run the command again.")
    stamp.write_text(wanted)
    return 0


def suitable_python():
    """Return this interpreter when it is new enough, else a newer one on the PATH, else None."""
    if sys.version_info >= OLDEST:
        return sys.executable
    return next((path for path in map(shutil.which, KNOWN) if path), None)


def runs(python):
    """Tell whether an environment's interpreter is there and starts (its Python may have been removed)."""
    check = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    try:
        return subprocess.run([str(python), "-c", check], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def fingerprint(requirements):
    """Return a text that changes with the list and with this file."""
    return hashlib.sha256(requirements.read_bytes() + Path(__file__).read_bytes()).hexdigest()


def say(sentence):
    """Tell what happens, at once: the installer that follows writes to the same screen."""
    print(sentence, flush=True)


def complain(sentence):
    """Tell what is wrong; returns the exit status."""
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
