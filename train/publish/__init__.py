"""A checkpoint where it is found; published weights as checkpoints."""
