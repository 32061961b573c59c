#!/usr/bin/env python3
"""Bring what runs in the browser to static/vendor: `.venv/bin/python tools/browser_packages.py`.

npm installs the locked packages of package-lock.json into node_modules; the few files of them that pages ask for are
copied from there, each with its licence. Where the machine has no npm, one comes from the package index of Python
(requirements/browser.txt). Does nothing where the files are there already.
"""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"
LOCK = ROOT / "package-lock.json"
STAMP = ".stamp"

INSTALL = ("ci", "--omit=dev", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


@dataclass(frozen=True)
class Package:
    """The files of one package that a browser needs.

    `exports` names what a script without exports of its own defines: a line is added that exports it, so that every
    file can be imported as a module.
    """

    name: str
    folder: str
    files: tuple[str, ...]
    exports: str = ""

    @property
    def target(self) -> str:
        """Folder below static/vendor: "@noble/hashes" is "noble-hashes"."""
        return self.name.lstrip("@").replace("/", "-")


WANTED = (
    Package("@noble/hashes", "", ("sha2.js", "hmac.js", "utils.js", "_md.js", "_u64.js")),
    Package("fflate", "esm", ("browser.js",)),
    Package("tus-js-client", "dist", ("tus.min.js",), exports="globalThis.tus"),
    Package(
        "@cornerstonejs/codec-openjpeg",
        "dist",
        ("openjpegwasm_decode.js", "openjpegwasm_decode.wasm"),
        exports="OpenJPEGWASM",
    ),
    Package(
        "@cornerstonejs/codec-charls", "dist", ("charlswasm_decode.js", "charlswasm_decode.wasm"), exports="CharLSWASM"
    ),
    Package(
        "@cornerstonejs/codec-libjpeg-turbo-8bit",
        "dist",
        ("libjpegturbowasm_decode.js", "libjpegturbowasm_decode.wasm"),
        exports="libjpegturbowasm_decode",
    ),
    Package("@cornerstonejs/codec-openjph", "dist", ("openjphjs.js", "openjphjs.wasm"), exports="Module"),
)


def main() -> int:
    """Return the exit status: 0 where static/vendor is ready."""
    wanted = hashlib.sha256(LOCK.read_bytes() + Path(__file__).read_bytes()).hexdigest()
    stamp = VENDOR / STAMP
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return 0
    npm = npm_command()
    if npm is None:
        return 1
    print("Installing the browser's packages of package-lock.json (once; a minute at most) ...", flush=True)
    if subprocess.run([*npm, *INSTALL], cwd=ROOT, stdout=subprocess.DEVNULL).returncode:
        return complain(
            "The browser's packages could not be installed; the lines above say why (npm needs its registry, "
            "https://registry.npmjs.org or the one that its own settings name). Then run the command again."
        )
    try:
        assemble(wanted)
    except OSError as error:
        return complain(f"static/vendor could not be written: {error}. Remove node_modules and run the command again.")
    return 0


def npm_command() -> list[str] | None:
    """Return how npm is called: the machine's, or the one of this environment, installed here when there is none."""
    beside = Path(sys.executable).parent
    found = shutil.which("npm") or shutil.which("npm", path=str(beside))
    if found is None:
        print("There is no npm on this machine; installing one into .venv (once; 60 MB) ...", flush=True)
        pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-r"]
        if subprocess.run([*pip, str(ROOT / "requirements" / "browser.txt")]).returncode:
            complain(
                "npm could not be installed; the lines above say why. Install Node.js 20 or newer by other means "
                "(apt install nodejs npm), then run the command again."
            )
            return None
        found = str(beside / "npm")
    return [found]


def assemble(wanted: str) -> None:
    """Copy the files to static/vendor; the stamp comes last, so a half-made folder is made again."""
    fresh = VENDOR.with_name("vendor.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for package in WANTED:
        target = fresh / package.target
        target.mkdir(parents=True)
        source = PACKAGES / package.name
        for name in package.files:
            content = (source / package.folder / name).read_bytes()
            (target / name).write_bytes(as_module(content, package.exports) if name.endswith(".js") else content)
        for licence in sorted(source.glob("LICEN[CS]E*")):
            shutil.copyfile(licence, target / "LICENSE")
    (fresh / STAMP).write_text(wanted, encoding="ascii")
    shutil.rmtree(VENDOR, ignore_errors=True)
    fresh.rename(VENDOR)


def as_module(content: bytes, exports: str) -> bytes:
    """Return a script as an ES module, without the name of a source map that is not served."""
    lines = [line for line in content.decode("utf-8").splitlines() if not line.startswith("//# sourceMappingURL=")]
    if exports:
        lines.append(f"export default {exports};")
    return ("\n".join(lines) + "\n").encode()


def complain(sentence: str) -> int:
    """Tell what is wrong; returns the exit status."""
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
