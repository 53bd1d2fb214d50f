/* SPDX-License-Identifier: MIT */
/* outputs CALL released|unreadable [expected]: sends a ClientHello through a TCP connection of its own, by the call named.
 *
 * `released`: what the call was given is gone when it returns; needs release.c preloaded. `unreadable`: the call is given what
 * the kernel answers with EFAULT, on a socket and on a pipe. `expected`: a session of the fake library has just left a hello
 * in memory. Prints what happened, the same with and without the hook. */
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fake_tls.h"

#define LENGTH 200

static void *page(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void connect_pair(int pair[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, length);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&address, &length);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    connect(pair[0], (struct sockaddr *)&address, length);
    pair[1] = accept(listener, NULL, NULL);
    close(listener);
}

/* The kernel looks at iovec arrays and headers first: these stay readable where the bytes are not. */
static ssize_t call(const char *name, int fd, void *bytes, size_t length)
{
    struct iovec *parts = page();
    struct mmsghdr *message = page();
    parts[0] = (struct iovec){bytes, 0};
    parts[1] = (struct iovec){bytes, length};
    message->msg_hdr.msg_iov = parts;
    message->msg_hdr.msg_iovlen = 2;
    if (strcmp(name, "write") == 0)
        return write(fd, bytes, length);
    if (strcmp(name, "writev") == 0)
        return writev(fd, parts, 2);
    if (strcmp(name, "send") == 0)
        return send(fd, bytes, length, 0);
    if (strcmp(name, "sendto") == 0)
        return sendto(fd, bytes, length, 0, NULL, 0);
    if (strcmp(name, "sendmsg") == 0)
        return sendmsg(fd, &message->msg_hdr, 0);
    return sendmmsg(fd, message, 1, 0);
}

static void try(const char *name, const char *what, int fd, void *bytes, size_t length)
{
    errno = 0;
    ssize_t result = call(name, fd, bytes, length);
    int error = errno;
    printf("%s %zd %s\n", what, result, strerror(error));
}

int main(int count, char **arguments)
{
    static const uint8_t hello[] = {0x16, 3, 1, 0, 195, 1, 0, 0, 191, 3, 3};
    int pair[2], ends[2];
    connect_pair(pair);
    if (count < 3 || pipe(ends) != 0)
        return 2;
    if (count > 3) {
        struct fake_context context;
        fake_context_set(&context, 42, 0);
        fake_handshaking = 1;
        SSL_do_handshake(SSL_new(&context));
    }
    if (strcmp(arguments[2], "released") == 0) {
        uint8_t *bytes = page();
        memset(bytes, 7, LENGTH);
        memcpy(bytes, hello, sizeof hello);
        int *armed = dlsym(RTLD_DEFAULT, "release_pages");
        *armed = 1;
        ssize_t result = call(arguments[1], pair[0], bytes, LENGTH);
        *armed = 0;
        printf("%zd\n", result);
        return 0;
    }
    void *gone = page();
    munmap(gone, 4096);
    try(arguments[1], "null", pair[0], NULL, LENGTH);
    try(arguments[1], "kernel", pair[0], (void *)-4096, LENGTH);
    try(arguments[1], "probe", pair[0], gone, 1);
    if (strncmp(arguments[1], "send", 4) != 0)
        try(arguments[1], "pipe", ends[1], gone, 1);
    if (count == 3) {
        try(arguments[1], "gone", pair[0], gone, LENGTH);
        if (strncmp(arguments[1], "send", 4) != 0)
            try(arguments[1], "pipe", ends[1], gone, LENGTH);
    }
    return 0;
}
