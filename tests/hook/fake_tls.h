/* SPDX-License-Identifier: MIT */
#ifndef FAKE_TLS_H
#define FAKE_TLS_H

#include <stddef.h>
#include <stdint.h>

struct fake_context {
    void *method;
    uint64_t seed;
    int server;
    int pad[5];
};

void fake_context_set(struct fake_context *context, uint64_t seed, int server);

/* Handshakes do not end. */
extern int fake_handshaking;
/* What is written is unmapped before the call returns, as a reader on another thread may do. */
extern int fake_releasing;

void *SSL_new(void *context);
void SSL_free(void *ssl);
int SSL_clear(void *ssl);
int SSL_shutdown(void *ssl);
int SSL_do_handshake(void *ssl);
int SSL_write(void *ssl, const void *bytes, int length);
int SSL_read_ex(void *ssl, void *bytes, size_t length, size_t *done);
int SSL_write_ex(void *ssl, const void *bytes, size_t length, size_t *done);
int SSL_write_early_data(void *ssl, const void *bytes, size_t length, size_t *done);

/* The byte at `offset` of a direction (enum sslc_direction) of the session with this seed. */
static inline uint8_t fake_byte(uint64_t seed, int direction, uint64_t offset)
{
    return (uint8_t)((seed * 0x9e3779b97f4a7c15ull >> 56) + offset * 7 + (offset >> 8) * 13 + (uint64_t)direction * 101);
}

static inline void fake_fill(uint64_t seed, int direction, uint64_t offset, uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = fake_byte(seed, direction, offset + i);
}

#endif
