/* SPDX-License-Identifier: MIT */
/* answers CALL STEP: a TLS client in memory, whose program moves what it says and hears through a TCP connection by itself: what comes
 * in by the call named, at most STEP bytes at a time. It says "hello", is cleared, and says so again through another connection.
 * Prints both ports of each connection. CERT and KEY in the environment. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int listener;

static void *serve(void *unused)
{
    char bytes[16];
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_file(context, getenv("CERT"), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context, getenv("KEY"), SSL_FILETYPE_PEM);
    for (int i = 0; i < 2; i++) {
        SSL *ssl = SSL_new(context);
        int fd = accept(listener, NULL, NULL);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) != 1 || SSL_read(ssl, bytes, sizeof bytes) != 5)
            _exit(3);
        SSL_free(ssl);
        close(fd);
    }
    return unused;
}

static ssize_t receive(const char *call, int fd, char *bytes, size_t length)
{
    struct iovec parts[2] = {{bytes, length / 2}, {bytes + length / 2, length - length / 2}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (strcmp(call, "read") == 0)
        return read(fd, bytes, length);
    if (strcmp(call, "readv") == 0)
        return readv(fd, parts, 2);
    if (strcmp(call, "recv") == 0)
        return recv(fd, bytes, length, 0);
    if (strcmp(call, "recvfrom") == 0)
        return recvfrom(fd, bytes, length, 0, NULL, NULL);
    return recvmsg(fd, &message, 0);
}

static void flush(SSL *ssl, int fd)
{
    char bytes[4096];
    int length;
    while ((length = BIO_read(SSL_get_wbio(ssl), bytes, sizeof bytes)) > 0)
        if (write(fd, bytes, (size_t)length) != length)
            exit(4);
}

int main(int count, char **arguments)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, own;
    socklen_t room = sizeof address;
    pthread_t thread;
    char bytes[4096];
    if (count < 3)
        return 2;
    size_t step = (size_t)atol(arguments[2]);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, room);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&address, &room);
    pthread_create(&thread, NULL, serve, NULL);
    SSL *ssl = SSL_new(SSL_CTX_new(TLS_client_method()));
    for (int i = 0; i < 2; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        SSL_clear(ssl);
        SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(ssl);
        if (connect(fd, (struct sockaddr *)&address, room) != 0)
            return 5;
        while (SSL_do_handshake(ssl) != 1) {
            flush(ssl, fd);
            ssize_t length = receive(arguments[1], fd, bytes, step);
            if (length <= 0)
                return 6;
            BIO_write(SSL_get_rbio(ssl), bytes, (int)length);
        }
        SSL_write(ssl, "hello", 5);
        flush(ssl, fd);
        getsockname(fd, (struct sockaddr *)&own, &room);
        printf("%d %d\n", ntohs(own.sin_port), ntohs(address.sin_port));
    }
    pthread_join(thread, NULL);
    SSL_free(ssl);
    return 0;
}
