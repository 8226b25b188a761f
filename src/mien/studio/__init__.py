"""The studio: one local web application to look at a face live, to calibrate, and to edit a take.

A server (FastAPI, WebSocket) around what the recorder does anyway; the pages are in `viewer/`. Nothing is measured
here. Needs the extra `studio`; nothing outside this folder imports its packages.
"""
