"""What an experiment is, and what a search space is: one typed tree, read from YAML."""

from pipeline.config.distributions import Choice, Distribution, IntUniform, Simplex, Uniform
from pipeline.config.embedded import EMBEDDED_NAME, embedded
from pipeline.config.experiment import (
    METRICS,
    BudgetConfig,
    ConceptConfig,
    EvaluationConfig,
    Experiment,
    LossesConfig,
    ModelConfig,
    Objective,
    PromptsConfig,
    RetainMix,
    ScalingConfig,
    SynthesisConfig,
    UpdateConfig,
)
from pipeline.config.loading import dump_experiment, dump_space, load_space, parse_space
from pipeline.config.problems import ConfigError, Problem
from pipeline.config.space import ONLY_WITH, SearchSpace

__all__ = [
    "EMBEDDED_NAME",
    "METRICS",
    "ONLY_WITH",
    "BudgetConfig",
    "Choice",
    "ConceptConfig",
    "ConfigError",
    "Distribution",
    "EvaluationConfig",
    "Experiment",
    "IntUniform",
    "LossesConfig",
    "ModelConfig",
    "Objective",
    "Problem",
    "PromptsConfig",
    "RetainMix",
    "ScalingConfig",
    "SearchSpace",
    "Simplex",
    "SynthesisConfig",
    "Uniform",
    "UpdateConfig",
    "dump_experiment",
    "dump_space",
    "embedded",
    "load_space",
    "parse_space",
]
