// SPDX-License-Identifier: MIT
/** The tests' peer for OpenSSL with wolfSSL. @module */

const CALLED = [
  ...["CTX_new", "CTX_use_certificate_file", "CTX_use_PrivateKey_file", "CTX_set_verify"],
  ...["CTX_set_alpn_select_cb", "new", "set_alpn_protos", "set_tlsext_host_name", "set_fd", "ctrl"],
  ...["library_init", "accept", "connect", "read", "write", "shutdown", "free"],
];

/** For the compiler: what the peer calls, which wolfSSL has under names of its own. */
export const WOLFSSL_NAMES: readonly string[] = [
  ...CALLED.map((name) => `-DSSL_${name}=wolfSSL_${name}`),
  "-DSSLv23_method=wolfSSLv23_method",
];
