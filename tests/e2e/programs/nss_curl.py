# SPDX-License-Identifier: MIT
"""nss_curl.py URL BODY...: gets each body with libcurl's NSS flavour, which is loaded late; prints their SHA-256."""

import ctypes
import hashlib
import sys

URL, WRITE, VERIFY_PEER, VERIFY_HOST, HTTP_VERSION = 10002, 20011, 64, 81, 84
HTTP_1_1 = 2

curl = ctypes.CDLL("libcurl-nss.so.4")
curl.curl_easy_init.restype = ctypes.c_void_p
handle = ctypes.c_void_p(curl.curl_easy_init())
digest = None


@ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p)
def write(text, size, count, _):
    digest.update(ctypes.string_at(text, size * count))
    return size * count


def set_option(option, value):
    if curl.curl_easy_setopt(handle, option, value) != 0:
        sys.exit(f"option {option}")


set_option(WRITE, write)
for option, value in ((VERIFY_PEER, 0), (VERIFY_HOST, 0), (HTTP_VERSION, HTTP_1_1)):
    set_option(option, ctypes.c_long(value))
for body in sys.argv[2:]:
    digest = hashlib.sha256()
    set_option(URL, ctypes.c_char_p(f"{sys.argv[1]}/{body}".encode()))
    status = curl.curl_easy_perform(handle)
    if status != 0:
        sys.exit(f"curl {status}")
    print(digest.hexdigest())
curl.curl_easy_cleanup(handle)
