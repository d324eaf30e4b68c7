"""How a concept is unlearned: objectives, update rules, the trainer and its checkpoints."""

from pipeline.unlearning.step import DivergedError
from pipeline.unlearning.trainer import train
from pipeline.unlearning.training_set import prepare_training_set, training_pictures
from pipeline.unlearning.uce import edit

__all__ = ["DivergedError", "edit", "prepare_training_set", "train", "training_pictures"]
