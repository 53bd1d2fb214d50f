/* SPDX-License-Identifier: MIT */
/* Sends 5 bytes, then 7000 of a file, which the kernel encrypts. */
#include <stddef.h>
#include <sys/types.h>

int gnutls_init(void **session, unsigned flags);
void gnutls_deinit(void *session);
ssize_t gnutls_record_send(void *session, const void *bytes, size_t length);
ssize_t gnutls_record_send_file(void *session, int fd, off_t *offset, size_t length);

int main(void)
{
    void *session;
    gnutls_init(&session, 2);
    ssize_t sent = gnutls_record_send(session, "hello", 5) + gnutls_record_send_file(session, 0, NULL, 7000);
    gnutls_deinit(session);
    return sent == 7005 ? 0 : 1;
}
