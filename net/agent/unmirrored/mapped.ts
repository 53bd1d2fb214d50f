// SPDX-License-Identifier: MIT
/** What the names of mapped files tell of a process's TLS. Pure. @module */
import { LIBRARY_NAME } from "../hook_library.ts";

/** Families of TLS libraries that a process can have mapped. */
export type TlsLibrary =
  | "openssl"
  | "gnutls"
  | "nss"
  | "mbedtls"
  | "wolfssl"
  | "java"
  | "built-in-openssl"
  | "other-tls-library";

/** What people call them. */
export const LIBRARY_NAMES: Readonly<Record<TlsLibrary, string>> = {
  "openssl": "OpenSSL",
  "gnutls": "GnuTLS",
  "nss": "NSS",
  "mbedtls": "mbed TLS",
  "wolfssl": "wolfSSL",
  "java": "Java",
  "built-in-openssl": "BoringSSL inside a library",
  "other-tls-library": "another TLS library",
};

/** By file name; the first that fits. Wheels of Python carry a hash in it: `libssl-3e69114b.so.1.1`. */
const NAMES: readonly (readonly [RegExp, TlsLibrary])[] = [
  // NSS's is libssl3.so, OpenSSL's libssl.so.3.
  [/^libssl3\.so/, "nss"],
  [/^libssl[-.].*so|^libssl\.so/, "openssl"],
  [/^libgnutls(-[0-9a-f]+)?\.so/, "gnutls"],
  [/^libmbedtls[-.0-9]*\.so/, "mbedtls"],
  [/^libwolfssl\.so/, "wolfssl"],
  [/^libjvm\.so/, "java"],
  // BoringSSL inside a library of gRPC, Netty or Conscrypt.
  [/^cygrpc\.|^libnetty_tcnative|^libconscrypt/, "built-in-openssl"],
  [/^lib(s2n|bearssl|botan-[0-9]|matrixssl|rustls|polarssl)\b/, "other-tls-library"],
];

/** The family that a file name belongs to. */
export function tlsLibraryOf(name: string): TlsLibrary | undefined {
  return NAMES.find(([pattern]) => pattern.test(name))?.[1];
}

/** What is mapped in a process, by file names. */
export interface Mapped {
  readonly libraries: ReadonlySet<TlsLibrary>;
  readonly hasHook: boolean;
  /** Names of the hook's regions, `sslcollector:3:…`. */
  readonly regions: ReadonlySet<string>;
  /** A C library is there: the loader has got beyond the program itself. Always true of what is no C program. */
  readonly isLoaded: boolean;
  /** The shared AddressSanitizer runtime, which ends a program in which any library is preloaded. */
  readonly hasSanitizer: boolean;
}

/** glibc's and musl's loaders; the latter is the C library too. */
const LOADER = /^ld-linux/;
const C_LIBRARY = /^libc(\.so|-2\.)/;
const SANITIZER = /^(libasan\.so|libclang_rt\.asan)/;
const REGION = /^\/memfd:(sslcollector\b\S*)/;

/** Reads the text of `/proc/PID/maps`. */
export function readMapped(maps: string): Mapped {
  const libraries = new Set<TlsLibrary>();
  const regions = new Set<string>();
  let hasHook = false;
  let hasSanitizer = false;
  let hasLoader = false;
  let hasC = false;
  for (const path of pathsOf(maps)) {
    const region = REGION.exec(path);
    if (region) regions.add(region[1]);
    const name = path.slice(path.lastIndexOf("/") + 1);
    const library = tlsLibraryOf(name);
    if (library) libraries.add(library);
    hasHook ||= name.startsWith(LIBRARY_NAME);
    hasSanitizer ||= SANITIZER.test(name);
    hasLoader ||= LOADER.test(name);
    hasC ||= C_LIBRARY.test(name);
  }
  return { libraries, hasHook, regions, hasSanitizer, isLoaded: hasC || !hasLoader };
}

/** Each path once: a library has a line for each of its segments. */
function pathsOf(maps: string): Set<string> {
  const paths = new Set<string>();
  for (const [, path] of maps.matchAll(/^[0-9a-f]+-\S+ \S+ \S+ \S+ \d+ +(\/.*)$/gm)) paths.add(path);
  return paths;
}
