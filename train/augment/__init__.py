"""What makes training rows longer, harder or softer: merged clips, perturbations, soft targets, templates."""
