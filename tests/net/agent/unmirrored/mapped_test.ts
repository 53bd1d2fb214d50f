// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readMapped, tlsLibraryOf } from "../../../../net/agent/unmirrored/mapped.ts";

/** Lines of real maps: Debian's curl with the hook, which has GnuTLS besides, by way of librtmp. */
const CURL = `
55d0a3c00000-55d0a3c0a000 r--p 00000000 fe:00 1312345                    /usr/bin/curl
55d0a54fb000-55d0a551c000 rw-p 00000000 00:00 0                          [heap]
7f1c12000000-7f1c1b010000 rw-s 00000000 00:01 12345                      /memfd:sslcollector:3:00c0ffee00c0ffee (deleted)
7f1c1d200000-7f1c1d233000 r--p 00000000 fe:00 1573001                    /usr/lib/x86_64-linux-gnu/libgnutls.so.30.34.3
7f1c1d233000-7f1c1d35a000 r-xp 00033000 fe:00 1573001                    /usr/lib/x86_64-linux-gnu/libgnutls.so.30.34.3
7f1c1d800000-7f1c1d81f000 r--p 00000000 fe:00 1573002                    /usr/lib/x86_64-linux-gnu/libssl.so.3
7f1c1da00000-7f1c1da28000 r--p 00000000 fe:00 1573003                    /usr/lib/x86_64-linux-gnu/libc.so.6
7f1c1dc00000-7f1c1dc04000 r--p 00000000 fe:00 1573004                    /usr/lib/sslcollector/libsslcollector_hook.so
7f1c1de00000-7f1c1de01000 r--p 00000000 fe:00 1573005                    /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
7ffd3a1c1000-7ffd3a1e2000 rw-p 00000000 00:00 0                          [stack]
`;

Deno.test("mapped: libraries, the hook and its region", () => {
  const { libraries, hasHook, regions, hasSanitizer, isLoaded } = readMapped(CURL);
  assert.deepEqual([...libraries].sort(), ["gnutls", "openssl"]);
  assert.deepEqual([...regions], ["sslcollector:3:00c0ffee00c0ffee"]);
  assert.deepEqual([hasHook, hasSanitizer, isLoaded], [true, false, true]);
});

Deno.test("mapped: a program of which the loader has nothing but itself is not loaded", () => {
  const lines = CURL.split("\n");
  const early = lines.filter((line) => /curl|ld-linux|stack/.test(line)).join("\n");
  assert.equal(readMapped(early).isLoaded, false);
  assert.equal(
    readMapped(lines.filter((line) => /curl|stack/.test(line)).join("\n")).isLoaded,
    true,
    "static",
  );
  const musl = "7f0000000000-7f0000001000 r--p 00000000 fe:00 1 /lib/ld-musl-x86_64.so.1\n";
  assert.equal(readMapped(musl).isLoaded, true, "musl's loader is its C library");
});

Deno.test("mapped: the shared AddressSanitizer runtime of either compiler", () => {
  for (const name of ["libasan.so.8.0.0", "libclang_rt.asan-x86_64.so"]) {
    assert.equal(
      readMapped(`7f0000000000-7f0000001000 r--p 00000000 fe:00 1 /usr/lib/${name}\n`).hasSanitizer,
      true,
    );
  }
});

Deno.test("mapped: the families by file name", () => {
  const families = {
    openssl: ["libssl.so.3", "libssl.so.1.1", "libssl-3e69114b.so.1.1", "libssl.so"],
    nss: ["libssl3.so"],
    gnutls: ["libgnutls.so.30.34.3", "libgnutls-1a2b3c4d.so.30"],
    mbedtls: ["libmbedtls.so.14", "libmbedtls-2.28.so"],
    wolfssl: ["libwolfssl.so.35"],
    java: ["libjvm.so"],
    "built-in-openssl": [
      "cygrpc.cpython-311-x86_64-linux-gnu.so",
      "libnetty_tcnative_linux_x86_64.so",
      "libconscrypt_openjdk_jni.so",
    ],
    "other-tls-library": ["libs2n.so.1", "libbotan-2.so.19", "librustls.so.0.13"],
  };
  for (const [family, names] of Object.entries(families)) {
    for (const name of names) assert.equal(tlsLibraryOf(name), family, name);
  }
  const others = [
    "libcrypto.so.3",
    "libnss_files.so.2",
    "libnss3.so",
    "libcurl-gnutls.so.4.8.0",
    "libgnutls-dane.so.0",
  ];
  for (
    const name of [...others, "libmbedcrypto.so.7", "libsslcollector_hook.so", "libxmlsec1-openssl.so.1"]
  ) {
    assert.equal(tlsLibraryOf(name), undefined, name);
  }
});
