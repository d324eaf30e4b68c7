"""Verification, by the real command: what is as recorded passes, and every difference is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.tracking.connection import connect
from tests.cli.in_process import Told, assert_refused, tell
from tests.tracking.registered import Registered


@pytest.fixture(autouse=True)
def _at_home(registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEARN_HOME", str(registered.home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registered.uri)


@pytest.fixture
def folder(registered: Registered, tmp_path: Path) -> Path:
    """A copy of a complete promoted folder, to be damaged."""
    return Path(shutil.copytree(registered.home / "whole", tmp_path / "copy"))


def rows(told: Told) -> dict[str, str]:
    """What is said of each line of the table."""
    found = {}
    for line in told.out.splitlines():
        for verdict in ("same", "warning", "differs"):
            what, mark, detail = line.partition(f" {verdict} ")
            if mark:
                found[what.strip()] = f"{verdict} {detail.strip()}"
    return found


@pytest.mark.parametrize("version", ["tiny/1", "tiny@champion", "ada/1"])
def test_a_version_is_what_was_judged_in_every_form(version: str) -> None:
    told = tell("verify", version, "--pictures", 3)
    assert told.code == 0, told.out + told.err
    name = "tiny/2" if version == "tiny@champion" else version
    assert told.out.splitlines()[-1] == f"{name}: all as recorded when it was promoted"
    found = rows(told)
    assert found["manifest.json"] == "same as registered"
    assert found["base"].startswith("same fashion-canvas")
    pictures = [text for what, text in found.items() if what.startswith("picture")]
    assert len(pictures) == 3
    assert all("to the bit" in text for text in pictures)


def test_every_file_that_differs_is_named_and_nothing_is_loaded(folder: Path) -> None:
    weights = next(folder.glob("unet/*.safetensors"))
    with weights.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    (folder / "report.json").unlink()
    (folder / "samples" / "more.txt").write_text("")
    (folder / "scheduler" / "link.json").symlink_to("/etc/passwd")
    told = tell("verify", folder)
    assert told.code == 1
    found = rows(told)
    name = f"unet/{weights.name}"
    assert found[name].startswith("differs changed: expected ")
    assert found["report.json"] == "differs missing"
    assert found["samples/more.txt"] == "differs not in the manifest"
    assert found["scheduler/link.json"] == "differs expected a file, got a link or a device"
    assert found["pictures"] == "warning not drawn, as files differ"
    assert "another thing in 4 of" in told.err


def manifest_with(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "manifest.json"
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))


def test_pictures_that_do_not_come_out_again_are_named(folder: Path) -> None:
    lines = folder / "samples" / "pictures.jsonl"
    exhibits = [json.loads(line) for line in lines.read_text().splitlines()]
    exhibits[0]["cells"] = [cell + 0.2 for cell in exhibits[0]["cells"]]
    exhibits[0]["sha256"] = "0" * 64
    exhibits[1]["seed"] += 1
    lines.write_text("".join(json.dumps(each) + "\n" for each in exhibits[:2]))

    def vouch(tree: dict[str, Any]) -> None:
        from pipeline.tracking.manifest import file_digest

        tree["files"] = {
            name: {"sha256": file_digest(folder / name)}
            for name in tree["files"]
            if (folder / name).is_file()
        }

    manifest_with(folder, vouch)
    told = tell("verify", folder)
    assert told.code == 1
    found = rows(told)
    assert "expected the same bits" in found["picture 00"]
    assert found["picture 01"].startswith("differs seed")

    # Elsewhere roundings differ, but not by another picture.
    manifest_with(folder, lambda tree: tree["versions"].update(torch="1.0"))
    found = rows(tell("verify", folder))
    assert found["torch"].startswith("warning was 1.0, is 2.")
    assert "0.20 levels away, within 0.5" in found["picture 00"]
    assert "expected at most 0.5" in found["picture 01"]


def test_another_base_is_named(folder: Path) -> None:
    manifest_with(folder, lambda tree: tree["base"].update(fingerprint="0" * 64))
    found = rows(tell("verify", folder, "--pictures", 0))
    assert found["base"].startswith("differs fashion-canvas: expected 000000000000, got ")
    manifest_with(folder, lambda tree: tree["base"].update(name="/nowhere"))
    found = rows(tell("verify", folder, "--pictures", 0))
    assert found["base"].startswith("warning model '/nowhere'")


@pytest.fixture
def tampered(registered: Registered) -> Iterator[Path]:
    """The manifest of `ada/1` where the server keeps it, put back in the end."""
    path = registered.folder_of("ada/1") / "manifest.json"
    before = path.read_bytes()
    yield path
    path.write_bytes(before)


def test_a_manifest_that_was_changed_on_the_server_is_found_out(tampered: Path) -> None:
    text = tampered.read_text()
    tampered.write_text(text.replace('"trial": 0', '"trial": 1'))
    told = tell("verify", "ada/1")
    assert told.code == 1
    assert rows(told)["manifest.json"].startswith("differs registered as ")


def test_a_version_that_nothing_vouches_for_is_told_of(registered: Registered) -> None:
    client = connect(registered.uri, timeout=20)
    before = client.get_model_version("ada", "1").tags["manifest"]
    client.delete_model_version_tag("ada", "1", "manifest")
    try:
        told = tell("verify", "ada/1", "--pictures", 0)
    finally:
        client.set_model_version_tag("ada", "1", "manifest", before)
    assert rows(told)["manifest.json"].startswith("warning the registry has no tag")


def test_versions_of_others_are_not_downloaded(registered: Registered) -> None:
    client = connect(registered.uri, timeout=20)
    run = registered.promotions["tiny/1"].run
    client.create_registered_model("foreign")
    try:
        for source in (f"runs:/{run}/promoted", f"runs:/{run}/images"):
            made = client.create_model_version("foreign", source, run_id=run)
            told = tell("verify", f"foreign/{made.version}")
            assert_refused(told, "expected a version that `unlearn promote` registered", seconds=30)
    finally:
        client.delete_registered_model("foreign")
    assert_refused(tell("verify", "tiny/7"), "expected a version of tiny (1, 2)")
    assert_refused(tell("verify", "tiny@best"), "expected an alias of tiny (champion is 2")


DAMAGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "files: Input should": lambda tree: tree.update(files=[]),
    "weights for the form folder": lambda tree: tree.update(weights="x"),
    "weights for the form delta": lambda tree: tree.update(form="delta", weights="../x"),
    "base.fingerprint: String should": lambda tree: tree["base"].update(fingerprint="../x"),
    "judgement.repeats": lambda tree: tree["judgement"].update(repeats=0),
}


@pytest.mark.parametrize("named", DAMAGES)
@pytest.mark.parametrize("verb", ["verify", "reproduce"])
def test_a_damaged_manifest_is_a_mistake(folder: Path, named: str, verb: str) -> None:
    manifest_with(folder, DAMAGES[named])
    assert_refused(tell(verb, folder), "manifest.json: expected", named, seconds=30)
    (folder / "manifest.json").unlink()
    assert_refused(tell(verb, folder), "it has no manifest.json", seconds=30)
