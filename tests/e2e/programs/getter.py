# SPDX-License-Identifier: MIT
"""getter.py URL CA: gets URL on one connection at once and whenever it is sent SIGUSR1, and says how often it has."""
import http.client
import signal
import ssl
import sys
from urllib.parse import urlsplit

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
url = urlsplit(sys.argv[1])
context = ssl.create_default_context(cafile=sys.argv[2])
connection = http.client.HTTPSConnection(url.hostname, url.port, context=context)
times = 0
while True:
    connection.request("GET", url.path)
    connection.getresponse().read()
    times += 1
    print(f"got {times}.", flush=True)
    signal.sigwait([signal.SIGUSR1])
