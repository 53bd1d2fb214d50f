/* SPDX-License-Identifier: MIT */
/* tls_writer serve CERT KEY [ADDRESS]: listens on a free port of 127.0.0.1 or ADDRESS, prints it, and reads what one client after the
 *   other sends.
 * tls_writer write PORT MEGABITS SECONDS [ADDRESS]: writes records of 16 KiB at that rate (of clear text), then prints the bytes,
 *   the rate that it reached, and the nanoseconds of CPU time that it took.
 * tls_writer open PORT COUNT: opens so many HTTPS connections, gets /small on each, prints "open", and holds them until
 *   its standard input ends. */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RECORD 16384

static struct sockaddr_in address = {.sin_family = AF_INET};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "tls_writer: %s\n", what);
    exit(1);
}

static _Noreturn void serve(const char *certificate, const char *key)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        fail("certificate");
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 8) != 0)
        fail("listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            fail("accept");
        SSL *ssl = SSL_new(context);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1) {
            char buffer[RECORD];
            while (SSL_read(ssl, buffer, sizeof buffer) > 0) {
            }
            SSL_shutdown(ssl);
        }
        SSL_free(ssl);
        close(fd);
    }
}

static SSL *connect_to(int port, SSL_CTX *context)
{
    address.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1)
        fail("handshake");
    return ssl;
}

static int hold(int port, int count)
{
    static const char request[] = "GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n";
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    for (int i = 0; i < count; i++) {
        char response[4096];
        SSL *ssl = connect_to(port, context);
        if (SSL_write(ssl, request, sizeof request - 1) <= 0 || SSL_read(ssl, response, sizeof response) <= 0)
            fail("exchange");
    }
    puts("open");
    fflush(stdout);
    return getchar() == EOF ? 0 : 1;
}

static int write_at_rate(int port, double megabits, double seconds)
{
    static char record[RECORD];
    for (size_t i = 0; i < sizeof record; i++)
        record[i] = (char)('a' + i % 26);
    SSL *ssl = connect_to(port, SSL_CTX_new(TLS_client_method()));
    double start = now(), perSecond = megabits * 1e6 / 8;
    long long sent = 0;
    while (now() - start < seconds) {
        double ahead = (double)sent / perSecond - (now() - start);
        if (ahead > 0.001) {
            struct timespec pause = {0, (long)(ahead * 1e9 < 9e8 ? ahead * 1e9 : 9e8)};
            nanosleep(&pause, NULL);
        }
        if (SSL_write(ssl, record, sizeof record) != sizeof record)
            fail("write");
        sent += RECORD;
    }
    double took = now() - start;
    SSL_shutdown(ssl);
    char byte;
    SSL_read(ssl, &byte, 1);
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    printf("%lld %.1f %lld\n", sent, (double)sent * 8 / 1e6 / took, (long long)cpu.tv_sec * 1000000000 + cpu.tv_nsec);
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    int may_name_address = argc > 1 && strcmp(argv[1], "open") != 0;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (may_name_address && inet_pton(AF_INET, argv[argc - 1], &address.sin_addr) == 1)
        argc--;
    if (argc == 4 && strcmp(argv[1], "serve") == 0)
        serve(argv[2], argv[3]);
    if (argc == 5 && strcmp(argv[1], "write") == 0)
        return write_at_rate(atoi(argv[2]), atof(argv[3]), atof(argv[4]));
    if (argc == 4 && strcmp(argv[1], "open") == 0)
        return hold(atoi(argv[2]), atoi(argv[3]));
    fail("usage: serve CERT KEY [ADDRESS] | write PORT MEGABITS SECONDS [ADDRESS] | open PORT COUNT");
}
