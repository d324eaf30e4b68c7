"""What to forget and what to keep, in words: concepts, vocabularies, and sets of prompts."""

from pipeline.prompts.concept import NO_ANCHOR, Concept, resolve_concept
from pipeline.prompts.own_prompts import OwnPrompt, read_prompts
from pipeline.prompts.prompt import SOURCES, Prompt
from pipeline.prompts.prompt_set import PromptSet, build_prompt_set
from pipeline.prompts.vocabulary import AXES, Scene, Vocabulary, vocabulary

__all__ = [
    "AXES",
    "NO_ANCHOR",
    "SOURCES",
    "Concept",
    "OwnPrompt",
    "Prompt",
    "PromptSet",
    "Scene",
    "Vocabulary",
    "build_prompt_set",
    "read_prompts",
    "resolve_concept",
    "vocabulary",
]
