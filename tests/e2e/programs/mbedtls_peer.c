/* SPDX-License-Identifier: MIT */
/* mbedtls_peer client PORT | server CERTIFICATE KEY, then how: one end of a connection over mbed TLS. The client sends 300,000 bytes, then
 * the server 200,000; each end fails unless it gets what the other sent. The server prints its port.
 *
 * How: plain: over the library's own functions for sockets; again: calls that the socket stops are made again; own: over functions of
 * its own, and the session's memory was another session's before. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TO_SERVER 300000
#define TO_CLIENT 200000
#define CHUNK 20000 /* more than a record */

static const char *protocols[] = {"pattern", NULL};

static void check(int result, const char *what)
{
    if (result >= 0)
        return;
    char text[100];
    mbedtls_strerror(result, text, sizeof text);
    fprintf(stderr, "%s: %s\n", what, text);
    exit(1);
}

static unsigned char pattern(size_t at, int to_client)
{
    return (unsigned char)(at * 7 + at / 251 + (to_client ? 99 : 0));
}

static int may_go_on(int result, int fd)
{
    struct pollfd entry = {fd, result == MBEDTLS_ERR_SSL_WANT_WRITE ? POLLOUT : POLLIN, 0};
    if (result != MBEDTLS_ERR_SSL_WANT_READ && result != MBEDTLS_ERR_SSL_WANT_WRITE)
        return 0;
    poll(&entry, 1, -1);
    return 1;
}

static void send_all(mbedtls_ssl_context *ssl, int fd, size_t total, int to_client)
{
    static unsigned char bytes[TO_SERVER];
    for (size_t i = 0; i < total; i++)
        bytes[i] = pattern(i, to_client);
    for (size_t at = 0; at < total;) {
        size_t left = total - at;
        int result = mbedtls_ssl_write(ssl, bytes + at, left < CHUNK ? left : CHUNK);
        if (may_go_on(result, fd))
            continue;
        check(result, "write");
        at += (size_t)result;
    }
    memset(bytes, 0, sizeof bytes); /* nothing is read later than the call allows */
}

static void receive_all(mbedtls_ssl_context *ssl, int fd, size_t total, int to_client)
{
    static unsigned char bytes[1 << 16];
    for (size_t at = 0; at < total;) {
        int result = mbedtls_ssl_read(ssl, bytes, sizeof bytes);
        if (may_go_on(result, fd))
            continue;
        check(result > 0 ? result : result == 0 ? MBEDTLS_ERR_SSL_CONN_EOF : result, "read");
        for (int i = 0; i < result; i++)
            if (bytes[i] != pattern(at + (size_t)i, to_client)) {
                fprintf(stderr, "other bytes\n");
                exit(1);
            }
        at += (size_t)result;
    }
}

static int connection(int is_server, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (!is_server) {
        address.sin_port = htons((uint16_t)atoi(port));
        check(connect(fd, (struct sockaddr *)&address, sizeof address), "connect");
        return fd;
    }
    check(bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
    check(listen(fd, 1), "listen");
    getsockname(fd, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return accept(fd, NULL, NULL);
}

static int own_send(void *context, const unsigned char *bytes, size_t length)
{
    return (int)send(*(int *)context, bytes, length, 0);
}

static int own_receive(void *context, unsigned char *bytes, size_t length)
{
    return (int)recv(*(int *)context, bytes, length, 0);
}

int main(int argc, char **argv)
{
    int is_server = argc == 5;
    if (argc != 4 && argc != 5)
        return 2;
    const char *how = argv[argc - 1];
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_ssl_config config;
    mbedtls_x509_crt certificate;
    mbedtls_pk_context key;
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_ssl_config_init(&config);
    mbedtls_x509_crt_init(&certificate);
    mbedtls_pk_init(&key);
    check(mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0), "random");
    check(mbedtls_ssl_config_defaults(&config, is_server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                      MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT), "configuration");
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_NONE);
    check(mbedtls_ssl_conf_alpn_protocols(&config, protocols), "alpn");
    if (is_server) {
        check(mbedtls_x509_crt_parse_file(&certificate, argv[2]), "certificate");
#if MBEDTLS_VERSION_MAJOR < 3
        check(mbedtls_pk_parse_keyfile(&key, argv[3], NULL), "key");
#else
        check(mbedtls_pk_parse_keyfile(&key, argv[3], NULL, mbedtls_ctr_drbg_random, &random), "key");
#endif
        check(mbedtls_ssl_conf_own_cert(&config, &certificate, &key), "own certificate");
    }

    int fd = connection(is_server, argv[2]), result;
    if (strcmp(how, "again") == 0)
        fcntl(fd, F_SETFL, O_NONBLOCK);
    mbedtls_net_context net = {fd};
    mbedtls_ssl_context ssl;
    mbedtls_ssl_init(&ssl);
    check(mbedtls_ssl_setup(&ssl, &config), "set-up");
    if (strcmp(how, "own") == 0) {
        check(mbedtls_ssl_session_reset(&ssl), "reset");
        mbedtls_ssl_set_bio(&ssl, &fd, own_send, own_receive, NULL);
    } else {
        mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
    }
    if (!is_server)
        check(mbedtls_ssl_set_hostname(&ssl, "peer.example"), "name");
    while ((result = mbedtls_ssl_handshake(&ssl)) != 0)
        if (!may_go_on(result, fd))
            check(result, "handshake");
    if (is_server)
        receive_all(&ssl, fd, TO_SERVER, 0);
    send_all(&ssl, fd, is_server ? TO_CLIENT : TO_SERVER, is_server);
    if (!is_server)
        receive_all(&ssl, fd, TO_CLIENT, 1);
    while (may_go_on(mbedtls_ssl_close_notify(&ssl), fd))
        ;
    mbedtls_ssl_free(&ssl);
    return 0;
}
