"""Fashion Canvas, the embedded benchmark: data, base model, judges, and how they were made."""
