/* SPDX-License-Identifier: MIT */
/* A TLS library and its user in one. With ASKS_ITSELF it does so as it is loaded, and its functions lie elsewhere. */
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct tiny_context {
    const void *method;
};

static const int method;
static struct tiny_context session, context = {&method};

#ifdef ASKS_ITSELF
__asm__(".text\n.fill 1024, 1, 0xcc\n"); /* whoever takes these functions for others comes here */
#endif

void *SSL_new(void *context);
void *SSL_new(void *from)
{
    session = *(struct tiny_context *)from;
    return &session;
}

int SSL_write(void *ssl, const void *bytes, int length);
int SSL_write(void *ssl, const void *bytes, int length)
{
    return ssl != NULL && bytes != NULL ? length : -1;
}

/* As where the kernel encrypts: no byte passes through the program. */
ssize_t SSL_sendfile(void *ssl, int fd, off_t offset, size_t length, int flags);
ssize_t SSL_sendfile(void *ssl, int fd, off_t offset, size_t length, int flags)
{
    (void)offset, (void)flags;
    return ssl != NULL && fd >= 0 ? (ssize_t)length - 1000 : -1;
}

void SSL_free(void *ssl);
void SSL_free(void *ssl)
{
    (void)ssl;
}

long ask(void);
long ask(void)
{
    void *ssl = SSL_new(&context);
    int written = SSL_write(ssl, "hello", 5);
    SSL_free(ssl);
    return written;
}

#ifdef ASKS_ITSELF
__attribute__((constructor)) static void ask_itself(void)
{
    printf("%ld\n", ask());
}
#endif
