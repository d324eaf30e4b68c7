"""What people see of a comparison: a table, figures, galleries, and its run in MLflow."""
