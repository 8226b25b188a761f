"""The smile (AU12) of the built-in clip, or of your own, over time: one CSV line per frame on standard output.

python examples/capture_to_csv.py [INPUT]
"""

import csv
import sys

import mien


def main(source: str = "demo") -> None:
    table = csv.writer(sys.stdout)
    table.writerow(["seconds", "track_id", "AU12", "AU12_L", "AU12_R"])
    for record in mien.capture(source):
        for face in record.faces:
            units = face.action_units
            if units is None:
                continue
            smile = [f"{units[name]:.2f}" for name in ("AU12", "AU12_L", "AU12_R")]
            table.writerow([f"{record.stamp.t_ns / 1e9:.3f}", face.track_id, *smile])


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2])
    except mien.MienError as error:
        sys.exit(f"{error}")
