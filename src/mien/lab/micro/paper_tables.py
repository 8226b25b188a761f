"""What seed 002 says of each method."""

from collections.abc import Mapping

TABLE_3: Mapping[str, tuple[str, float, float]] = {
    "mdmd": ("MDMD", 57.07, 23.50),
    "sp-fd": ("SP-FD", 21.31, 12.43),
    "of-fd": ("OF-FD", 37.82, 35.34),
    "lbp-top": ("LBP-TOP", 56.98, 42.40),
    "locp-top": ("LOCP-TOP", 45.53, 42.25),
    "capsulenet": ("CapsuleNet", 56.80, 34.70),
    "mer-gcn": ("MER-GCN", 54.40, 30.30),
    "cnn-lstm": ("CNN+LSTM", 60.98, 32.50),
    "softnet": ("SOFTNet", 24.10, 20.22),
    "concat-cnn": ("Concat-CNN", 25.05, 20.19),
    "lssnet": ("LSSNet", 37.70, 32.50),
    "au-gcn-cur": ("AU_GCN_CUR", 64.11, 42.93),
}
"""Seed 002, Table 3: name there, accuracy and F1 on CASME II, %."""
TABLE_2: Mapping[str, tuple[str, float, float]] = {
    "3d-cnn-pretrained": ("3D-CNN (pre-trained)", 55.37, 42.64),
    "3d-cnn": ("3D-CNN", 57.05, 45.03),
    "au-gcn-cur": ("AU_GCN_CUR", 64.11, 45.71),
}
"""Seed 002, Table 2: accuracy with k folds and with one subject left out, %."""
