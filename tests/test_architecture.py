"""What the structure of the code promises."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 500
"""Lines of a file. Near 400 a module becomes a package with one module per action."""

OUR_FOLDERS = ("apps", "coreqc", "tests", "tools", "benchmarks")
WORDS_THAT_SAY_NOTHING = {"core", "common", "utils", "util", "helpers", "helper", "misc"}


def our_sources(suffix: str = ".py", *folders: str) -> list[Path]:
    return [
        path
        for folder in folders or OUR_FOLDERS
        for path in sorted((ROOT / folder).rglob(f"*{suffix}"))
        if "migrations" not in path.parts and "vendor" not in path.parts
    ]


def calls_of(name: str) -> Iterator[tuple[Path, ast.Call]]:
    for path in our_sources(".py", "apps"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called == name:
                yield path, node


def test_every_enqueued_name_is_a_task() -> None:
    current_app.loader.import_default_modules()
    names = {
        call.args[0].value: path.relative_to(ROOT)
        for path, call in calls_of("enqueue")
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    assert len(names) >= 3
    unknown = {name: path for name, path in names.items() if name not in current_app.tasks}
    assert not unknown


def test_enqueue_is_called_with_a_name_that_can_be_searched_for() -> None:
    calls = list(calls_of("enqueue"))
    assert calls
    hidden = [path for path, call in calls if not (call.args and isinstance(call.args[0], ast.Constant))]
    assert not hidden


def test_every_task_has_a_queue_that_some_worker_reads() -> None:
    current_app.loader.import_default_modules()
    ours = [name for name in current_app.tasks if not name.startswith("celery.")]
    assert len(ours) >= 5
    router = current_app.amqp.Router()
    queues = {router.route({}, name)["queue"].name for name in ours}
    assert queues == {"intake", "imageqc"}


def test_what_beat_starts_is_a_task() -> None:
    current_app.loader.import_default_modules()
    started = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert started
    assert started <= set(current_app.tasks)


@pytest.mark.parametrize("suffix", [".py", ".js", ".css", ".html"])
def test_no_file_is_too_long_to_be_read(suffix: str) -> None:
    paths = our_sources(suffix, *OUR_FOLDERS, "static", "templates")
    assert paths
    too_long = {
        str(path.relative_to(ROOT)): len(lines)
        for path in paths
        # A table that a program writes is read by programs.
        if len(lines := path.read_text(encoding="utf-8").splitlines()) > LONGEST and "// Written by" not in lines[0]
    }
    assert not too_long


def test_no_module_has_a_name_that_says_nothing() -> None:
    paths = our_sources(".py", "apps", "coreqc")
    assert len(paths) > 50
    assert not [path for path in paths if WORDS_THAT_SAY_NOTHING & {path.stem, *path.relative_to(ROOT).parts}]


def test_every_app_of_the_folder_is_installed() -> None:
    apps = {path.parent.name for path in (ROOT / "apps").glob("*/apps.py")}
    assert len(apps) >= 10
    assert {f"apps.{name}" for name in apps} <= set(settings.INSTALLED_APPS)


def test_bundles_are_data_alone() -> None:
    files = [path for path in (ROOT / "models").rglob("*") if path.is_file()]
    assert files
    assert {path.suffix for path in files} <= {".toml", ".onnx", ".npy", ".sha256", ".md", ".json"}


def test_templates_load_nothing_from_elsewhere_and_hold_no_scripts_of_their_own() -> None:
    """The content security policy refuses all of this in the browser; here it has the name of a file."""
    paths = our_sources(".html", "templates")
    assert paths
    refused = {
        str(path.relative_to(ROOT)): part
        for path in paths
        for part in ("<style", " style=", " onclick=", " onchange=", "javascript:", 'src="http', "<script>")
        if part in path.read_text(encoding="utf-8")
    }
    assert not refused


def test_imports_keep_their_direction() -> None:
    found = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "2 kept" in found.stdout


def test_the_imaging_core_starts_without_django() -> None:
    program = (
        "import sys; import apps.imaging.pipeline; "
        "sys.exit(any(name in sys.modules for name in ('django', 'celery', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_requirements_are_locked_for_every_machine() -> None:
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert {lock.stem for lock in locks} == {"base", "production", "development", "train", "browser"}
    for lock in locks:
        lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if line and line[0] not in "# "]
        assert lines
        assert all("==" in line for line in lines)
        assert not [line for line in lines if "+" in line.split("#")[0] or "://" in line]


def test_web_and_worker_never_get_torch() -> None:
    for name in ("base", "production", "development"):
        assert "torch" not in (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def test_what_the_documents_point_to_is_there() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    assert len(pages) > 5
    links = [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    ]
    assert len(links) > 10
    assert not [f"{page.name}: {target}" for page, target in links if not (page.parent / target).exists()]
