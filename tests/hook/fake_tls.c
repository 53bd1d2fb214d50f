/* SPDX-License-Identifier: MIT */
/* A TLS library without TLS: sessions whose clear text is a known function of a seed, so that whoever sees it can check every
 * byte. Built as a library of its own; the hook finds it by the pointer in each session's first word. */
#include "fake_tls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct method {
    int unused;
};

static struct method method;

int fake_handshaking;
int fake_releasing;

struct ssl_st {
    struct method *method;
    uint64_t seed;
    uint64_t offset[2]; /* [0] what is read, [1] what is written */
    int server;
    int shutdown;
};

void *SSL_new(void *context)
{
    struct ssl_st *ssl = aligned_alloc(16, (sizeof *ssl + 15) & ~(size_t)15);
    memset(ssl, 0, sizeof *ssl);
    ssl->method = &method;
    ssl->seed = ((struct fake_context *)context)->seed;
    ssl->server = ((struct fake_context *)context)->server;
    return ssl;
}

void fake_context_set(struct fake_context *context, uint64_t seed, int server)
{
    context->method = &method;
    context->seed = seed;
    context->server = server;
}

void SSL_free(void *ssl)
{
    free(ssl);
}

int SSL_clear(void *ssl)
{
    struct ssl_st *session = ssl;
    session->offset[0] = session->offset[1] = 0;
    session->seed += 1ull << 32;
    return 1;
}

int SSL_read_ex(void *ssl, void *bytes, size_t length, size_t *done)
{
    struct ssl_st *session = ssl;
    fake_fill(session->seed, !session->server, session->offset[0], bytes, length);
    session->offset[0] += length;
    *done = length;
    return 1;
}

int SSL_write_ex(void *ssl, const void *bytes, size_t length, size_t *done)
{
    struct ssl_st *session = ssl;
    session->offset[1] += length;
    *done = length;
    if (fake_releasing)
        munmap((void *)(uintptr_t)bytes, length);
    return 1;
}

int SSL_write(void *ssl, const void *bytes, int length)
{
    size_t done;
    int (*volatile inner)(void *, const void *, size_t, size_t *) = SSL_write_ex;
    return inner(ssl, bytes, (size_t)length, &done) == 1 ? (int)done : -1;
}

int SSL_do_handshake(void *ssl)
{
    (void)ssl;
    return fake_handshaking ? -1 : 1;
}

int SSL_is_init_finished(const void *ssl)
{
    (void)ssl;
    return !fake_handshaking;
}

/* No mode is set. */
long SSL_ctrl(const void *ssl, int command, long number, void *argument)
{
    (void)ssl, (void)command, (void)number, (void)argument;
    return 0;
}

/* Re-enters by name, as OpenSSL does: an interposer sees both calls. */
int SSL_write_early_data(void *ssl, const void *bytes, size_t length, size_t *done)
{
    int (*volatile inner)(void *, const void *, size_t, size_t *) = SSL_write_ex;
    return inner(ssl, bytes, length, done);
}

int SSL_shutdown(void *ssl)
{
    ((struct ssl_st *)ssl)->shutdown = 3;
    return 1;
}

int SSL_get_shutdown(const void *ssl)
{
    return ((const struct ssl_st *)ssl)->shutdown;
}

int SSL_is_server(const void *ssl)
{
    return ((const struct ssl_st *)ssl)->server;
}

int SSL_version(const void *ssl)
{
    (void)ssl;
    return 0x0304;
}

size_t SSL_get_client_random(const void *ssl, unsigned char *random, size_t length)
{
    memset(random, 0, length);
    memcpy(random, &((const struct ssl_st *)ssl)->seed, 8);
    return length;
}
