"""Pictures of faces with known truth: scenes from a seed, a rasteriser, a camera with its faults, labels."""
