/* SPDX-License-Identifier: MIT */
/* A library that uses the GnuTLS it is linked with, also when it is loaded unless LATE is defined. */
#include <stddef.h>
#include <sys/types.h>

int gnutls_init(void **session, unsigned flags);
void gnutls_deinit(void *session);
int gnutls_priority_set(void *session, void *priority);
ssize_t gnutls_record_send(void *session, const void *bytes, size_t length);
ssize_t gnutls_record_recv(void *session, void *bytes, size_t length);

static long use(void)
{
    void *session;
    char bytes[8];
    if (gnutls_init(&session, 2) != 0)
        return -100;
    long sum = gnutls_priority_set(session, NULL) + gnutls_record_send(session, "hello", 5);
    sum += gnutls_record_recv(session, bytes, sizeof bytes);
    gnutls_deinit(session);
    return sum;
}

#include "library_user.h"
