"""Wire protocols of other programs: one file per wire, encoder and decoder. How bytes travel is in `sinks.live`."""
