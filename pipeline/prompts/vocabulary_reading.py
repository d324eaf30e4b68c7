"""Reading a vocabulary's file, or all that is wrong with it at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from pipeline.config import ConfigError, Problem
from pipeline.config.loading import read_file
from pipeline.config.plain_tree import oddities, plain_value
from pipeline.config.problems import problems_of, quote
from pipeline.prompts.vocabulary_checks import problems_in
from pipeline.prompts.vocabulary_file import VocabularyFile


def read_vocabulary_file(path: Path) -> VocabularyFile:
    """Read a vocabulary's file.

    Raises:
        ConfigError: it cannot be read or does not make sense; with all the problems there are.
    """
    tree = plain_value(read_file(path), str(path))
    if not isinstance(tree, dict):
        remedy = "begin with `axes:`"
        raise ConfigError([Problem(str(path), "a vocabulary's settings", quote(tree), remedy)])
    problems = list(oddities(tree, ""))
    if not problems:
        try:
            file = VocabularyFile.model_validate(tree)
        except ValidationError as error:
            problems = list(problems_of(error, VocabularyFile))
        else:
            problems = list(problems_in(file))
            if not problems:
                return file
    raise ConfigError(replace(each, path=f"{path}, {each.path}") for each in problems)
