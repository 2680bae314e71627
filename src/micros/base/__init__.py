"""Ground of every layer: places, errors, digests, trees. Imports nothing of ours."""
