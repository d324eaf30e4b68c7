"""What an experiment is, and what a search space is: one typed tree, read from YAML."""

from pipeline.config.budget import BudgetConfig
from pipeline.config.comparison import Comparison, load_comparison
from pipeline.config.comparison_file import FinalConfig
from pipeline.config.concept import ConceptConfig, ErasedConfig, TargetConfig, VerdictConfig
from pipeline.config.distributions import Choice, Distribution, IntUniform, Simplex, Uniform
from pipeline.config.early_stopping import EarlyStoppingConfig
from pipeline.config.embedded import EMBEDDED_NAME, embedded
from pipeline.config.evaluation import (
    EvaluationConfig,
    ImageClassifierConfig,
    JudgeConfig,
    NudenetConfig,
)
from pipeline.config.experiment import (
    METRICS,
    ClosedFormConfig,
    Experiment,
    LossesConfig,
    Objective,
    PromptsConfig,
    RetainMix,
    SynthesisConfig,
    UpdateConfig,
)
from pipeline.config.gate import GateConfig
from pipeline.config.loading import dump_experiment, dump_space, load_space, parse_space
from pipeline.config.model import LoraSettings, ModelConfig
from pipeline.config.pairs import Pair
from pipeline.config.problems import ConfigError, Problem
from pipeline.config.rows import RowsConfig
from pipeline.config.scaling import ScalingConfig
from pipeline.config.space import ONLY_WITH, SearchSpace

__all__ = [
    "EMBEDDED_NAME",
    "METRICS",
    "ONLY_WITH",
    "BudgetConfig",
    "Choice",
    "ClosedFormConfig",
    "Comparison",
    "ConceptConfig",
    "ConfigError",
    "Distribution",
    "EarlyStoppingConfig",
    "ErasedConfig",
    "EvaluationConfig",
    "Experiment",
    "FinalConfig",
    "GateConfig",
    "ImageClassifierConfig",
    "IntUniform",
    "JudgeConfig",
    "LoraSettings",
    "LossesConfig",
    "ModelConfig",
    "NudenetConfig",
    "Objective",
    "Pair",
    "Problem",
    "PromptsConfig",
    "RetainMix",
    "RowsConfig",
    "ScalingConfig",
    "SearchSpace",
    "Simplex",
    "SynthesisConfig",
    "TargetConfig",
    "Uniform",
    "UpdateConfig",
    "VerdictConfig",
    "dump_experiment",
    "dump_space",
    "embedded",
    "load_comparison",
    "load_space",
    "parse_space",
]
