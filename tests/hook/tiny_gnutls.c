/* SPDX-License-Identifier: MIT */
/* A GnuTLS that knows its own sessions: they carry NUMBER. */
#include <stddef.h>
#include <sys/types.h>

static struct {
    long number, padding;
} session __attribute__((aligned(16)));

int gnutls_init(void **made, unsigned flags);
int gnutls_init(void **made, unsigned flags)
{
    session.number = flags == 2 ? NUMBER : 0;
    *made = &session;
    return 0;
}

void gnutls_deinit(void *freed);
void gnutls_deinit(void *freed)
{
    (void)freed;
    session.number = 0;
}

ssize_t gnutls_record_send2(void *to, const void *bytes, size_t length, size_t pad, unsigned flags);
ssize_t gnutls_record_send2(void *to, const void *bytes, size_t length, size_t pad, unsigned flags)
{
    (void)bytes;
    (void)pad;
    (void)flags;
    return *(long *)to == NUMBER ? (ssize_t)length : -100;
}

/* By a tail call. */
ssize_t gnutls_record_send(void *to, const void *bytes, size_t length);
ssize_t gnutls_record_send(void *to, const void *bytes, size_t length)
{
    return gnutls_record_send2(to, bytes, length, 0, 0);
}

ssize_t gnutls_record_recv(void *from, void *bytes, size_t length);
ssize_t gnutls_record_recv(void *from, void *bytes, size_t length)
{
    (void)bytes;
    (void)length;
    return *(long *)from == NUMBER ? 0 : -100;
}

/* Not interposed. */
int gnutls_priority_set(void *to, void *priority);
int gnutls_priority_set(void *to, void *priority)
{
    (void)priority;
    return *(long *)to == NUMBER ? 0 : -100;
}

int gnutls_protocol_get_version(void *of);
int gnutls_protocol_get_version(void *of)
{
    return *(long *)of == NUMBER ? 5 : 0;
}

/* GNUTLS_KTLS_SEND */
unsigned gnutls_transport_is_ktls_enabled(void *of);
unsigned gnutls_transport_is_ktls_enabled(void *of)
{
    return *(long *)of == NUMBER ? 2 : 0;
}

ssize_t gnutls_record_send_file(void *to, int fd, off_t *offset, size_t length);
ssize_t gnutls_record_send_file(void *to, int fd, off_t *offset, size_t length)
{
    (void)fd;
    (void)offset;
    return *(long *)to == NUMBER ? (ssize_t)length : -100;
}
