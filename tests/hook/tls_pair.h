/* SPDX-License-Identifier: MIT */
/* Both ends of a TLS connection over loopback in one process, for programs of these tests. CERT and KEY in the environment. */
#ifndef TLS_PAIR_H
#define TLS_PAIR_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct tls_pair {
    SSL *client, *server;
    int client_fd, server_fd;
};

static void *tls_pair_accept(void *server)
{
    if (SSL_accept(server) != 1)
        _exit(90);
    return NULL;
}

static void tls_pair_open(struct tls_pair *pair)
{
    static SSL_CTX *clients, *servers;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t room = sizeof address;
    pthread_t thread;
    if (servers == NULL) {
        servers = SSL_CTX_new(TLS_server_method());
        clients = SSL_CTX_new(TLS_client_method());
        SSL_CTX_use_certificate_file(servers, getenv("CERT"), SSL_FILETYPE_PEM);
        SSL_CTX_use_PrivateKey_file(servers, getenv("KEY"), SSL_FILETYPE_PEM);
    }
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, room);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&address, &room);
    pair->client_fd = socket(AF_INET, SOCK_STREAM, 0);
    connect(pair->client_fd, (struct sockaddr *)&address, room);
    pair->server_fd = accept(listener, NULL, NULL);
    close(listener);
    pair->client = SSL_new(clients);
    pair->server = SSL_new(servers);
    SSL_set_fd(pair->client, pair->client_fd);
    SSL_set_fd(pair->server, pair->server_fd);
    pthread_create(&thread, NULL, tls_pair_accept, pair->server);
    if (SSL_connect(pair->client) != 1)
        _exit(91);
    pthread_join(thread, NULL);
}

/* The client writes `length` bytes, which the server reads. */
static void tls_pair_pass(struct tls_pair *pair, const char *bytes, int length)
{
    static __thread char read[16384];
    int have = 0;
    if (SSL_write(pair->client, bytes, length) != length)
        _exit(92);
    while (have < length) {
        int more = SSL_read(pair->server, read, sizeof read);
        if (more <= 0)
            _exit(93);
        have += more;
    }
}

#endif
