"""Face rigs the laboratory renders or projects training faces from. The meshes themselves are never part of Mien."""
