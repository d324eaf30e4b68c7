"""What others read of a path: nothing of the machine that it is on."""

from __future__ import annotations

import pytest

from pipeline.config.user_path import without_machine


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ada/sweeps/one/promoted/0008", "one/promoted/0008"),
        ("~/models/sd14/", "sd14"),
        ("~nobody-is-called-so/models/sd14", "sd14"),
        ("owner/name", "owner/name"),
        ("fashion-canvas", "fashion-canvas"),
        ("/", "/"),
    ],
)
def test_of_a_path_its_end_and_of_a_name_all_of_it(text: str, shown: str) -> None:
    assert without_machine(text) == shown
