/* SPDX-License-Identifier: MIT */
/* Sends 5 bytes, 7000 of the 8000 of a file, which the kernel encrypts, and 5 more; a file that cannot be sent is no more than an error. */
#include <stddef.h>
#include <sys/types.h>

static const int method;
static struct {
    const void *method;
} context = {&method};

void *SSL_new(void *of);
int SSL_write(void *ssl, const void *bytes, int length);
ssize_t SSL_sendfile(void *ssl, int fd, off_t offset, size_t length, int flags);
void SSL_free(void *ssl);

int main(void)
{
    void *ssl = SSL_new(&context);
    int first = SSL_write(ssl, "hello", 5);
    ssize_t file = SSL_sendfile(ssl, 0, 0, 8000, 0), none = SSL_sendfile(ssl, -1, 0, 8000, 0);
    int last = SSL_write(ssl, "again", 5);
    SSL_free(ssl);
    return first == 5 && file == 7000 && none == -1 && last == 5 ? 0 : 1;
}
