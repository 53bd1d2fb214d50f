# SPDX-License-Identifier: MIT
"""Asks for PATHs at localhost:PORT and prints what it got as lines of JSON. Usage: report_requests.py PORT PATH..."""
import http.client
import json
import ssl
import sys
import time

connection = http.client.HTTPSConnection("localhost", int(sys.argv[1]), context=ssl._create_unverified_context())
connection.connect()
for path in sys.argv[2:]:
    path += "?python"
    start = time.monotonic()
    connection.request("GET", path)
    response = connection.getresponse()
    size = len(response.read())
    milliseconds = 1000 * (time.monotonic() - start)
    print(json.dumps({"method": "GET", "path": path, "status": response.status, "size": size, "ms": milliseconds}))
