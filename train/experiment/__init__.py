"""From a recipe to fitted models: features, encoders, fusion, cross-validation, search."""
