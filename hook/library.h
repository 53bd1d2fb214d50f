/* SPDX-License-Identifier: MIT */
/* The TLS libraries in this process, each with its functions. Two of the same name can live side by side. */
#ifndef SSLC_LIBRARY_H
#define SSLC_LIBRARY_H

#include "sys.h"

typedef void SSL;
typedef void BIO;

/* X(name, result type, parameters). The first group is interposed, the second only called. */
#define LIBRARY_INTERPOSED(X)                                           \
    X(SSL_read, int, (SSL *, void *, int))                              \
    X(SSL_read_ex, int, (SSL *, void *, size_t, size_t *))              \
    X(SSL_read_early_data, int, (SSL *, void *, size_t, size_t *))      \
    X(SSL_write, int, (SSL *, const void *, int))                       \
    X(SSL_write_ex, int, (SSL *, const void *, size_t, size_t *))       \
    X(SSL_write_ex2, int, (SSL *, const void *, size_t, uint64_t, size_t *)) \
    X(SSL_write_early_data, int, (SSL *, const void *, size_t, size_t *)) \
    X(SSL_sendfile, ssize_t, (SSL *, int, off_t, size_t, int))          \
    X(SSL_new, SSL *, (void *))                                         \
    X(SSL_up_ref, int, (SSL *))                                         \
    X(SSL_free, void, (SSL *))                                          \
    X(SSL_clear, int, (SSL *))                                          \
    X(SSL_shutdown, int, (SSL *))                                       \
    X(SSL_connect, int, (SSL *))                                        \
    X(SSL_accept, int, (SSL *))                                         \
    X(SSL_do_handshake, int, (SSL *))                                   \
    X(BIO_f_ssl, const void *, (void))

#define LIBRARY_CALLED(X)                                                           \
    X(SSL_version, int, (const SSL *))                                              \
    X(SSL_ctrl, long, (const SSL *, int, long, void *))                                   \
    X(SSL_is_server, int, (const SSL *))                                            \
    X(SSL_is_init_finished, int, (const SSL *))                                     \
    X(SSL_get_shutdown, int, (const SSL *))                                         \
    X(SSL_get_quiet_shutdown, int, (const SSL *))                                   \
    X(SSL_get_client_random, size_t, (const SSL *, unsigned char *, size_t))        \
    X(SSL_get_server_random, size_t, (const SSL *, unsigned char *, size_t))        \
    X(SSL_get0_alpn_selected, void, (const SSL *, const unsigned char **, unsigned *)) \
    X(SSL_get_servername, const char *, (const SSL *, int))                         \
    X(SSL_get_current_cipher, const void *, (const SSL *))                          \
    X(SSL_CIPHER_get_protocol_id, uint16_t, (const void *))                         \
    X(SSL_CIPHER_get_id, uint32_t, (const void *))                                  \
    X(SSL_get_rbio, BIO *, (const SSL *))                                           \
    X(SSL_get_wbio, BIO *, (const SSL *))                                           \
    X(SSL_get_rfd, int, (const SSL *))                                              \
    X(SSL_get_wfd, int, (const SSL *))

#define LIBRARY_INDEX(name, result, parameters) LIBRARY_##name,
enum library_index { LIBRARY_INTERPOSED(LIBRARY_INDEX) LIBRARY_CALLED(LIBRARY_INDEX) LIBRARY_COUNT };
#undef LIBRARY_INDEX

#define LIBRARY_TYPE(name, result, parameters) typedef result(*name##_type) parameters;
#include <sys/types.h>
LIBRARY_INTERPOSED(LIBRARY_TYPE)
LIBRARY_CALLED(LIBRARY_TYPE)
#undef LIBRARY_TYPE

struct library {
    uint32_t ready;
    uintptr_t start; /* [start, end): its memory; 0 for the fallback */
    uintptr_t end;
    void *function[LIBRARY_COUNT]; /* NULL: it has no such function */
};

/* The call on whose behalf records are written. */
struct flow_use {
    const void *ssl;
    const struct library *library;
    int fd;   /* socket from which records of the session came just now, -1 unknown */
    int sent; /* descriptor that was written to meanwhile, for whatever, -1 unknown */
};

#define LIBRARY_WORDS 4
typedef uintptr_t library_word __attribute__((may_alias));

/* False for one that is being forgotten: it was unloaded, and another may take its place in the table. */
static inline bool is_still_met(const struct library *library, uintptr_t start)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return LIKELY(start != 0) && LIKELY(load_relaxed(&library->ready) != 0);
}

/* A word there points into the library, which has been met. */
static inline bool library_made(const struct library *library, const library_word *words)
{
    if (UNLIKELY(load_acquire(&library->ready) == 0))
        return false;
    uintptr_t start = load_relaxed(&library->start), length = load_relaxed(&library->end) - start;
    for (unsigned i = 0; i < LIBRARY_WORDS; i++)
        if (words[i] - start < length)
            return is_still_met(library, start);
    return false;
}

/* The one that is met first, and mostly alone. */
extern struct library libraries[];

/* One that is not the first. */
const struct library *library_search(const void *object);

/* The library that made `object` (an SSL or SSL_CTX): it contains a pointer among the first four words. Without such a
 * pointer, or with object NULL, the first library loaded after the hook. Never NULL. */
static inline const struct library *library_of(const void *object)
{
    return LIKELY(object != NULL) && LIKELY(library_made(libraries, object)) ? libraries : library_search(object);
}

/* Forgets libraries that were unloaded: another may have come in their place. */
void library_sweep(void);

/* A function of this name is one of OpenSSL's, GnuTLS's, wolfSSL's or mbed TLS's. */
bool library_has(const char *name);

struct elf_object;

/* It is a TLS library that the hook knows, or NSPR, by which NSS is called. */
bool library_in(const struct elf_object *object);

/* A TLS library is among the objects loaded by now. */
bool library_present(void);

/* The function's address, with its type; NULL when the library has none. */
#define LIBRARY(library, name) ((name##_type)load_relaxed(&(library)->function[LIBRARY_##name]))

#endif
