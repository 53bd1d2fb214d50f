/* SPDX-License-Identifier: MIT */
/* mbed TLS in this process, in the form of the library that the rest of the hook knows. It tells little of a session: what it forgets is in the
 * hello (kept_hello.h), and which end a session is in the configuration that it was set up with. */
#ifndef SSLC_MBEDTLS_H
#define SSLC_MBEDTLS_H

#include "library.h"

/* X(name, result type, parameters). The first group is interposed, the second only called. */
#define MBEDTLS_INTERPOSED(X)                                                     \
    X(mbedtls_ssl_config_defaults, int, (void *, int, int, int))                  \
    X(mbedtls_ssl_conf_endpoint, void, (void *, int))                             \
    X(mbedtls_ssl_config_free, void, (void *))                                    \
    X(mbedtls_ssl_setup, int, (SSL *, const void *))                              \
    X(mbedtls_ssl_session_reset, int, (SSL *))                                    \
    X(mbedtls_ssl_free, void, (SSL *))                                            \
    X(mbedtls_ssl_handshake, int, (SSL *))                                        \
    X(mbedtls_ssl_handshake_step, int, (SSL *))                                   \
    X(mbedtls_ssl_renegotiate, int, (SSL *))                                      \
    X(mbedtls_ssl_read, int, (SSL *, unsigned char *, size_t))                    \
    X(mbedtls_ssl_read_early_data, int, (SSL *, unsigned char *, size_t))         \
    X(mbedtls_ssl_write, int, (SSL *, const unsigned char *, size_t))             \
    X(mbedtls_ssl_write_early_data, int, (SSL *, const unsigned char *, size_t))  \
    X(mbedtls_ssl_close_notify, int, (SSL *))

#define MBEDTLS_CALLED(X)                                      \
    X(mbedtls_ssl_get_version, const char *, (const SSL *))    \
    X(mbedtls_ssl_get_ciphersuite, const void *, (const SSL *)) \
    X(mbedtls_ssl_get_ciphersuite_id, int, (const void *))     \
    X(mbedtls_ssl_get_alpn_protocol, const char *, (const SSL *))

#define MBEDTLS_INDEX(name, result, parameters) MBEDTLS_##name,
enum mbedtls_index { MBEDTLS_INTERPOSED(MBEDTLS_INDEX) MBEDTLS_CALLED(MBEDTLS_INDEX) MBEDTLS_COUNT };
#undef MBEDTLS_INDEX

#define MBEDTLS_TYPE(name, result, parameters) typedef result(*name##_type) parameters;
MBEDTLS_INTERPOSED(MBEDTLS_TYPE)
MBEDTLS_CALLED(MBEDTLS_TYPE)
#undef MBEDTLS_TYPE

extern void *mbedtls_original[MBEDTLS_COUNT];

/* The function's address, with its type; NULL when the library has none. Only after mbedtls_library. */
#define MBEDTLS(name) ((name##_type)load_relaxed(&mbedtls_original[MBEDTLS_##name]))

/* Finds mbed TLS when it is first asked for. Never NULL. */
const struct library *mbedtls_library(void);

/* The same for a session that ends: it asks for nothing that lies in its configuration, which the program may have freed. */
const struct library *mbedtls_library_at_end(void);

/* These bytes, which need not be there to be read, lie where a session that is set up makes what it sends. */
bool mbedtls_makes(const void *session, const void *bytes);

/* Sessions that are set up with this configuration are a server's, or a client's. Kept as long as few others come. */
void mbedtls_note_end(const void *config, bool is_server);

/* What was noted last; false: a client's, or nothing is. */
bool mbedtls_is_servers(const void *config);

/* The configuration is freed. */
void mbedtls_forget_end(const void *config);

/* Libraries come: finds it again when it is next asked for. */
void mbedtls_sweep(void);

/* Libraries have come: finds it again at once, where it was there before, so that no forked child has to. */
void mbedtls_look_again(void);

#endif
