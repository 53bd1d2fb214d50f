# SPDX-License-Identifier: MIT
"""keeper.py URL CA COUNT: gets URL so often on one connection, says so, and keeps the connection until it is ended."""
import http.client
import signal
import ssl
import sys
from urllib.parse import urlsplit

url = urlsplit(sys.argv[1])
context = ssl.create_default_context(cafile=sys.argv[2])
connection = http.client.HTTPSConnection(url.hostname, url.port, context=context)
for _ in range(int(sys.argv[3])):
    connection.request("GET", url.path)
    connection.getresponse().read()
print("kept", flush=True)
signal.pause()
