/* SPDX-License-Identifier: MIT */
/* wolfSSL in this process, in the form of the library that the rest of the hook knows. Its functions are OpenSSL's with a name of their own; what it
 * forgets when a handshake is over is in the hello (kept_hello.h). */
#ifndef SSLC_WOLFSSL_H
#define SSLC_WOLFSSL_H

#include "library.h"

/* X(name, result type, parameters). The first group is interposed, the second only called. */
#define WOLFSSL_INTERPOSED(X)                                        \
    X(wolfSSL_new, SSL *, (void *))                                  \
    X(wolfSSL_free, void, (SSL *))                                   \
    X(wolfSSL_clear, int, (SSL *))                                   \
    X(wolfSSL_connect, int, (SSL *))                                 \
    X(wolfSSL_accept, int, (SSL *))                                  \
    X(wolfSSL_read, int, (SSL *, void *, int))                       \
    X(wolfSSL_recv, int, (SSL *, void *, int, int))                  \
    X(wolfSSL_write, int, (SSL *, const void *, int))                \
    X(wolfSSL_send, int, (SSL *, const void *, int, int))            \
    X(wolfSSL_writev, int, (SSL *, const struct iovec *, int))       \
    X(wolfSSL_shutdown, int, (SSL *))

#define WOLFSSL_CALLED(X)                                            \
    X(wolfSSL_version, int, (const SSL *))                           \
    X(wolfSSL_is_init_finished, int, (const SSL *))                  \
    X(wolfSSL_get0_alpn_selected, void, (const SSL *, const unsigned char **, unsigned *)) \
    X(wolfSSL_get_current_cipher, const void *, (const SSL *))       \
    X(wolfSSL_CIPHER_get_id, uint32_t, (const void *))               \
    X(wolfSSL_get_fd, int, (const SSL *))

#define WOLFSSL_INDEX(name, result, parameters) WOLFSSL_##name,
enum wolfssl_index { WOLFSSL_INTERPOSED(WOLFSSL_INDEX) WOLFSSL_CALLED(WOLFSSL_INDEX) WOLFSSL_COUNT };
#undef WOLFSSL_INDEX

struct iovec;
#define WOLFSSL_TYPE(name, result, parameters) typedef result(*name##_type) parameters;
WOLFSSL_INTERPOSED(WOLFSSL_TYPE)
WOLFSSL_CALLED(WOLFSSL_TYPE)
#undef WOLFSSL_TYPE

extern void *wolfssl_original[WOLFSSL_COUNT];

/* The function's address, with its type; NULL when the library has none. Only after wolfssl_library. */
#define WOLFSSL(name) ((name##_type)load_relaxed(&wolfssl_original[WOLFSSL_##name]))

/* Finds wolfSSL when it is first asked for. Never NULL. */
const struct library *wolfssl_library(void);

/* Libraries come: finds it again when it is next asked for. */
void wolfssl_sweep(void);

/* Libraries have come: finds it again at once, where it was there before, so that no forked child has to. */
void wolfssl_look_again(void);

#endif
