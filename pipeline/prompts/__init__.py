"""What to forget and what to keep, in words: concepts, vocabularies, and sets of prompts."""

from pipeline.prompts.concept import NO_ANCHOR, Concept, resolve_concept, resolve_concepts
from pipeline.prompts.own_prompt import OwnPrompt
from pipeline.prompts.own_prompts import read_prompts
from pipeline.prompts.prompt import SOURCES, Prompt
from pipeline.prompts.prompt_set import EarlierErasure, PromptSet
from pipeline.prompts.vocabulary import AXES, Scene, Vocabulary, vocabulary
from pipeline.prompts.writing import build_prompt_set

__all__ = [
    "AXES",
    "NO_ANCHOR",
    "SOURCES",
    "Concept",
    "EarlierErasure",
    "OwnPrompt",
    "Prompt",
    "PromptSet",
    "Scene",
    "Vocabulary",
    "build_prompt_set",
    "read_prompts",
    "resolve_concept",
    "resolve_concepts",
    "vocabulary",
]
