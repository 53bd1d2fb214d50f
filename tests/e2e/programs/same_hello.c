/* SPDX-License-Identifier: MIT */
/* same_hello ADDRESS PORT OWN_PORT [GATE]: one TLS connection from that port, which a reset frees at once, and the answer to one request. Nothing in
 * it is random: every run sends a ClientHello of the same bytes. Says "sent" when that is, and goes on when somebody writes to the FIFO. Exit 0
 * when it was answered. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int not_random(unsigned char *bytes, int count)
{
    static unsigned char next;
    for (int i = 0; i < count; i++)
        bytes[i] = next++;
    return 1;
}

static int ready(void)
{
    return 1;
}

static int connected(const char *address, int port, int own_port)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((uint16_t)own_port)};
    struct linger reset = {1, 0};
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (inet_pton(AF_INET, address, &server.sin_addr) != 1 || bind(fd, (struct sockaddr *)&own, sizeof own) != 0 ||
        connect(fd, (struct sockaddr *)&server, sizeof server) != 0)
        return -1;
    return fd;
}

/* Sends the hello, and waits for the gate. */
static void begin(SSL *ssl, int fd, const char *gate)
{
    fcntl(fd, F_SETFL, O_NONBLOCK);
    SSL_connect(ssl);
    puts("sent");
    fflush(stdout);
    close(open(gate, O_RDONLY));
    fcntl(fd, F_SETFL, 0);
}

int main(int argc, char **argv)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    static const RAND_METHOD method = {.bytes = not_random, .pseudorand = not_random, .status = ready};
    char answer[4096];
    int fd, filled = 0, got;
    if (argc < 4 || (fd = connected(argv[1], atoi(argv[2]), atoi(argv[3]))) < 0)
        return 2;
    RAND_set_rand_method(&method);
    SSL *ssl = SSL_new(SSL_CTX_new(TLS_client_method()));
    SSL_set_fd(ssl, fd);
    if (argc > 4)
        begin(ssl, fd, argv[4]);
    if (SSL_connect(ssl) != 1 || SSL_write(ssl, request, sizeof request - 1) != sizeof request - 1)
        return 1;
    while (filled < (int)sizeof answer - 1 && (got = SSL_read(ssl, answer + filled, (int)sizeof answer - 1 - filled)) > 0)
        filled += got;
    answer[filled] = '\0';
    char *body = strstr(answer, "\r\n\r\n");
    if (body == NULL)
        return 1;
    puts(body + 4);
    SSL_free(ssl);
    close(fd);
    return 0;
}
