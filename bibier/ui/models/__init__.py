"""The Models tab: checkpoints, the Hub, comparing two on one clip."""
