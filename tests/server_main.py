"""Runs server_app.py on the servers that are for development: `python -m server_main NAME PORT`."""

import sys
from wsgiref.simple_server import make_server

from server_app import application
from werkzeug.serving import run_simple

name, port = sys.argv[1], int(sys.argv[2])
if name == "werkzeug":
    run_simple("127.0.0.1", port, application, threaded=True)
else:
    make_server("127.0.0.1", port, application).serve_forever()
