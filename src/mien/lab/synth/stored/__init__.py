"""`mien lab synth`: datasets of drawn faces on disk: what was ordered, the blocks, the manifest, the contact sheet."""
