/* SPDX-License-Identifier: MIT */
/* openssl_peer client PORT | server CERTIFICATE KEY, then how: one end of a connection over whatever library with OpenSSL's names it is linked
 * with, of any release. The client sends 300,000 bytes, then the server 200,000; each end fails unless it gets what the other sent. The
 * server prints its port.
 *
 * How: plain: in one call; pieces: in calls of 1,000 bytes. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TO_SERVER 300000
#define TO_CLIENT 200000
#define PEM 1
#define SET_NAME 55
#define SELECTED 0

typedef struct ssl SSL;
typedef struct context CONTEXT;
typedef int select_protocol(SSL *, const unsigned char **, unsigned char *, const unsigned char *, unsigned, void *);

/* Not all releases have these. */
extern const void *TLS_method(void) __attribute__((weak));
extern const void *SSLv23_method(void) __attribute__((weak));
extern int SSL_library_init(void) __attribute__((weak));
extern int SSL_set_tlsext_host_name(SSL *, const char *) __attribute__((weak));
extern long SSL_ctrl(SSL *, int, long, void *) __attribute__((weak));

extern CONTEXT *SSL_CTX_new(const void *);
extern int SSL_CTX_use_certificate_file(CONTEXT *, const char *, int);
extern int SSL_CTX_use_PrivateKey_file(CONTEXT *, const char *, int);
extern void SSL_CTX_set_verify(CONTEXT *, int, void *);
extern void SSL_CTX_set_alpn_select_cb(CONTEXT *, select_protocol *, void *);
extern SSL *SSL_new(CONTEXT *);
extern int SSL_set_alpn_protos(SSL *, const unsigned char *, unsigned);
extern int SSL_set_fd(SSL *, int);
extern int SSL_accept(SSL *);
extern int SSL_connect(SSL *);
extern int SSL_read(SSL *, void *, int);
extern int SSL_write(SSL *, const void *, int);
extern int SSL_shutdown(SSL *);
extern void SSL_free(SSL *);

static int piece = TO_SERVER;

static void check(int fine, const char *what)
{
    if (!fine) {
        fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

static unsigned char pattern(size_t at, int to_client)
{
    return (unsigned char)(at * 7 + at / 251 + (to_client ? 99 : 0));
}

static void send_all(SSL *ssl, int total, int to_client)
{
    static unsigned char bytes[TO_SERVER];
    for (int i = 0; i < total; i++)
        bytes[i] = pattern((size_t)i, to_client);
    for (int at = 0; at < total;) {
        int result = SSL_write(ssl, bytes + at, total - at < piece ? total - at : piece);
        check(result > 0, "send");
        at += result;
    }
    memset(bytes, 0, sizeof bytes); /* nothing is read later than the call allows */
}

static void receive_all(SSL *ssl, int total, int to_client)
{
    static unsigned char bytes[1 << 16];
    for (int at = 0; at < total;) {
        int result = SSL_read(ssl, bytes, sizeof bytes);
        check(result > 0, "receive");
        for (int i = 0; i < result; i++)
            check(bytes[i] == pattern((size_t)(at + i), to_client), "other bytes");
        at += result;
    }
}

static int connection(int is_server, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (!is_server) {
        address.sin_port = htons((uint16_t)atoi(port));
        check(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
        return fd;
    }
    check(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0, "listen");
    getsockname(fd, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return accept(fd, NULL, NULL);
}

static int select_first(SSL *ssl, const unsigned char **chosen, unsigned char *length, const unsigned char *offered, unsigned all,
                        void *context)
{
    (void)ssl;
    (void)all;
    (void)context;
    *chosen = offered + 1;
    *length = offered[0];
    return SELECTED;
}

int main(int argc, char **argv)
{
    int is_server = argc == 5;
    if (argc != 4 && argc != 5)
        return 2;
    if (strcmp(argv[argc - 1], "pieces") == 0)
        piece = 1000;
    if (SSL_library_init != NULL)
        SSL_library_init();
    CONTEXT *context = SSL_CTX_new(TLS_method != NULL ? TLS_method() : SSLv23_method());
    check(context != NULL, "context");
    SSL_CTX_set_verify(context, 0, NULL);
    if (is_server) {
        check(SSL_CTX_use_certificate_file(context, argv[2], PEM) == 1 && SSL_CTX_use_PrivateKey_file(context, argv[3], PEM) == 1,
              "certificate");
        SSL_CTX_set_alpn_select_cb(context, select_first, NULL);
    }
    SSL *ssl = SSL_new(context);
    if (!is_server && SSL_set_tlsext_host_name != NULL)
        SSL_set_tlsext_host_name(ssl, "peer.example");
    else if (!is_server)
        SSL_ctrl(ssl, SET_NAME, 0, (void *)"peer.example");
    SSL_set_alpn_protos(ssl, (const unsigned char *)"\7pattern", 8);
    SSL_set_fd(ssl, connection(is_server, argv[2]));
    check((is_server ? SSL_accept(ssl) : SSL_connect(ssl)) == 1, "handshake");
    if (is_server)
        receive_all(ssl, TO_SERVER, 0);
    send_all(ssl, is_server ? TO_CLIENT : TO_SERVER, is_server);
    if (!is_server)
        receive_all(ssl, TO_CLIENT, 1);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    return 0;
}
