/* SPDX-License-Identifier: MIT */
/* The ClientHellos of sessions whose library tells neither their random nor what they ask for: the first bytes that passed the session's own
 * socket. Kept as long as few others come. */
#ifndef SSLC_KEPT_HELLO_H
#define SSLC_KEPT_HELLO_H

#include "sys.h"

/* The session is new. */
void kept_hello_begin(const void *session);

/* The session, which has begun, has no place any more: too many others have begun since. */
bool kept_hello_gave_way(const void *session);

/* The session's hello has not passed as far as it is kept. */
bool kept_hello_wanted(const void *session);

/* These bytes pass the session's socket, which is -1 where it is none; at least one, and all are there to be read. What comes before a handshake is
 * not kept, nor what passes another socket than its beginning. */
void kept_hello_pass(const void *session, int socket, bool received, const uint8_t *bytes, size_t length);

/* What is known of it once it passed. False: it did not, or is kept no more, or was no ClientHello. */
struct kept_hello {
    bool received; /* this end is the server */
    bool datagrams; /* DTLS: nothing else is known */
    uint8_t random[32];
    uint8_t name_length; /* of the server's, 0: none */
    char name[256];
};
bool kept_hello_find(const void *session, struct kept_hello *hello);

/* The two as OpenSSL's SSL_get_client_random and SSL_get_servername answer; the name is this thread's, until it asks for another. */
size_t kept_hello_random(const void *session, unsigned char *to, size_t room);
const char *kept_hello_name(const void *session, int kind);

/* The session is gone. */
void kept_hello_forget(const void *session);

#endif
