"""One tiny model of every family, built once."""

from __future__ import annotations

import pytest

from pipeline.diffusion import DiffusionModel, load_model
from tests.diffusion.tiny import FAMILIES, build


@pytest.fixture(scope="session", params=FAMILIES)
def family_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def tiny(family_name: str, tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    return load_model(build(family_name, tmp_path_factory.mktemp(family_name)))
