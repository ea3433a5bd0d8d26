"""Training: from corpora to a checkpoint, and what is measured on the way; bibier never imports it."""
