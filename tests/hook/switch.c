/* SPDX-License-Identifier: MIT */
/* switch CERT KEY: two ends of one TLS session in this process. The handshake and "one" pass through memory, then the session
 * goes on over a TCP connection with "two": only then are there addresses. Prints client and server address. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void move(BIO *from, BIO *to)
{
    char bytes[20000];
    int length;
    while ((length = BIO_read(from, bytes, sizeof bytes)) > 0)
        BIO_write(to, bytes, length);
}

static int pass(SSL *from, SSL *to, const char *text)
{
    char bytes[10];
    if (SSL_write(from, text, 3) != 3)
        return 1;
    move(SSL_get_wbio(from), SSL_get_rbio(to));
    return SSL_read(to, bytes, sizeof bytes) != 3;
}

int main(int count, char **arguments)
{
    if (count < 3)
        return 2;
    SSL_CTX *server_context = SSL_CTX_new(TLS_server_method()), *client_context = SSL_CTX_new(TLS_client_method());
    if (SSL_CTX_use_certificate_file(server_context, arguments[1], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(server_context, arguments[2], SSL_FILETYPE_PEM) != 1)
        return 3;
    SSL *client = SSL_new(client_context), *server = SSL_new(server_context);
    SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (unsigned i = 0; i < 4; i++) {
        SSL_do_handshake(client);
        move(SSL_get_wbio(client), SSL_get_rbio(server));
        SSL_do_handshake(server);
        move(SSL_get_wbio(server), SSL_get_rbio(client));
    }
    if (pass(client, server, "one") != 0)
        return 4;

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, own;
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), out = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0 ||
        connect(out, (struct sockaddr *)&address, length) != 0 ||
        getsockname(out, (struct sockaddr *)&own, &length) != 0)
        return 5;
    SSL_set_fd(client, out);
    SSL_set_fd(server, accept(listener, NULL, NULL));
    char bytes[10];
    for (unsigned i = 0; i < 2; i++)
        if (SSL_write(client, "two", 3) != 3 || SSL_read(server, bytes, sizeof bytes) != 3)
            return 6;
    printf("%u %u\n", ntohs(own.sin_port), ntohs(address.sin_port));
    SSL_free(client);
    SSL_free(server);
    return 0;
}
