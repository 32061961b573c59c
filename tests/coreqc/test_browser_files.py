"""What the browser runs: brought by npm once, served by hash or asked for each time, never blocked by the policy."""

import importlib.util
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
VENDOR = ROOT / "static" / "vendor"

SERVE = """
import sys, threading, wsgiref.simple_server
import django
from django.core.management import call_command
django.setup()
call_command("collectstatic", interactive=False, verbosity=0)
from coreqc.wsgi import application  # lists the files that are there
server = wsgiref.simple_server.make_server("127.0.0.1", 0, application)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("browser_packages", ROOT / "tools" / "browser_packages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_lock_names_no_address_and_all_that_is_served() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    packages = lock["packages"]
    for package in packages.values():
        assert package.get("resolved", "https://registry.npmjs.org/").startswith("https://registry.npmjs.org/")
    wanted = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert wanted
    for name, version in wanted.items():
        assert packages[f"node_modules/{name}"]["version"] == version
        assert packages[f"node_modules/{name}"]["integrity"]


def test_every_package_that_is_served_is_locked(tool: ModuleType) -> None:
    wanted = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert {package.name for package in tool.WANTED} == set(wanted)


def test_a_script_becomes_a_module_without_the_name_of_its_source_map(tool: ModuleType) -> None:
    script = b"var Codec = 1;\n//# sourceMappingURL=codec.js.map\n"
    assert tool.as_module(script, "Codec") == b"var Codec = 1;\nexport default Codec;\n"


def test_nothing_is_installed_where_the_files_are_there(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages, vendor = tmp_path / "node_modules", tmp_path / "static" / "vendor"
    for package in tool.WANTED:
        for name in (*(Path(package.folder) / file for file in package.files), "LICENSE"):
            path = packages / package.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("var x;\n", encoding="ascii")
    vendor.mkdir(parents=True)
    monkeypatch.setattr(tool, "PACKAGES", packages)
    monkeypatch.setattr(tool, "VENDOR", vendor)
    installed = []
    monkeypatch.setattr(tool, "npm_command", lambda: ["true"])
    monkeypatch.setattr(
        tool.subprocess,
        "run",
        lambda command, **_: installed.append(command) or subprocess.CompletedProcess(command, 0),
    )
    assert (tool.main(), tool.main()) == (0, 0)
    assert len(installed) == 1
    assert (vendor / "noble-hashes" / "LICENSE").is_file()
    (packages / "fflate" / "esm" / "browser.js").unlink()
    (vendor / tool.STAMP).unlink()
    assert tool.main() == 1


def test_a_failed_installation_says_what_to_do(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "VENDOR", tmp_path / "vendor")
    monkeypatch.setattr(tool, "npm_command", lambda: ["false"])
    assert tool.main() == 1
    assert "Then run the command again." in capsys.readouterr().err


@pytest.mark.skipif(not VENDOR.is_dir(), reason="no browser packages: python tools/browser_packages.py")
def test_collected_modules_workers_and_decoders_answer_under_their_relative_addresses(tmp_path: Path) -> None:
    settings = tmp_path / "collected.py"
    settings.write_text(
        "from coreqc.settings.test import *\n"
        f"STATIC_ROOT = {str(tmp_path / 'static')!r}\n"
        "STORAGES = {**STORAGES, 'staticfiles': "
        "{'BACKEND': 'whitenoise.storage.CompressedManifestStaticFilesStorage'}}\n"
        "WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = False\n",
        encoding="utf-8",
    )
    (tmp_path / "static").mkdir()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "collected", "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        for name in (
            "js/precheck/session.js",
            "js/precheck/worker.js",
            "vendor/noble-hashes/sha2.js",
            "vendor/cornerstonejs-codec-openjpeg/openjpegwasm_decode.wasm",
        ):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/static/{name}", timeout=20) as answer:
                content = answer.read()
                assert content == (ROOT / "static" / name).read_bytes()
                assert "max-age=0" in answer.headers["Cache-Control"]
                assert "Content-Security-Policy" not in answer.headers
                if name.endswith(".js"):
                    assert "javascript" in answer.headers["Content-Type"]
    finally:
        server.communicate(timeout=30)
