"""BiBiER: bimodal, cross-lingual recognition of perceived emotion in speech."""
