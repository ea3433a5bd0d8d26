"""One training loop for every model: batches, optimisers, several processes, a run on disk, progress."""
