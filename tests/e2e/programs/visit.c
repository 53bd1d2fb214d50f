/* SPDX-License-Identifier: MIT */
/* visit PORT PATH: gets PATH over one TLS connection to 127.0.0.1, and ends at once. Exit 0 when the whole response came. */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    char request[256], response[16384];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nConnection: close\r\n\r\n", argv[2]);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        return 3;
    SSL *ssl = SSL_new(SSL_CTX_new(TLS_client_method()));
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1 || SSL_write(ssl, request, length) != length)
        return 4;
    while (SSL_read(ssl, response, sizeof response) > 0) {
    }
    return SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN ? 0 : 5;
}
