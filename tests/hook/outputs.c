/* SPDX-License-Identifier: MIT */
/* outputs CALL released|unreadable [expected]: sends a ClientHello through a TCP connection of its own, by the call named.
 *
 * `released`: what the call was given is gone when it returns; needs release.c preloaded. `unreadable`: the call is given bytes,
 * lists and headers that the kernel answers with EFAULT, on a socket and on a pipe. `expected`: a session of the fake library
 * has just left a hello in memory. Prints what happened, the same with and without the hook. */
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

static void say(ssize_t result)
{
    int error = errno;
    printf("%zd %s\n", result, strerror(error));
    errno = 0;
}

static void try(const char *name, int fd, void *bytes, size_t length)
{
    say(call(name, fd, bytes, length));
}

/* The call is given lists or headers that cannot be read. */
static void try_headers(const char *name, int fd, void *gone)
{
    struct mmsghdr message;
    memset(&message, 0, sizeof message);
    message.msg_hdr.msg_iov = gone;
    message.msg_hdr.msg_iovlen = 2;
    if (strcmp(name, "writev") == 0)
        say(writev(fd, gone, 2));
    if (strcmp(name, "sendmsg") == 0) {
        say(sendmsg(fd, &message.msg_hdr, 0));
        say(sendmsg(fd, gone, 0));
    }
    if (strcmp(name, "sendmmsg") == 0) {
        say(sendmmsg(fd, &message, 1, 0));
        say(sendmmsg(fd, gone, 1, 0));
    }
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
    void *gone = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *places[] = {NULL, (void *)-4096, gone};
    const size_t lengths[] = {1, LENGTH};
    for (unsigned i = 0; i < 6; i++) {
        try(arguments[1], pair[0], places[i / 2], lengths[i % 2]);
        if (strncmp(arguments[1], "send", 4) != 0)
            try(arguments[1], ends[1], places[i / 2], lengths[i % 2]);
    }
    for (unsigned i = 0; i < 3; i++)
        try_headers(arguments[1], pair[0], places[i]);
    return 0;
}
