/* SPDX-License-Identifier: MIT */
/* tls_released CERT KEY COUNT: writes COUNT times 16 KiB through a TLS connection to a thread of its own, which unmaps the writer's
 * memory as soon as it has read what was there, be SSL_write back or not. */
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define LENGTH 16384

static SSL *server;
static void *volatile written;

static void *read_and_release(void *unused)
{
    static char bytes[LENGTH];
    if (SSL_accept(server) != 1)
        exit(3);
    for (;;) {
        int have = 0;
        while (have < LENGTH) {
            int more = SSL_read(server, bytes + have, LENGTH - have);
            if (more <= 0)
                return unused;
            have += more;
        }
        munmap(written, LENGTH);
        written = NULL;
    }
}

int main(int count, char **arguments)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t room = sizeof address;
    pthread_t reader;
    if (count < 4)
        return 2;
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, room);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&address, &room);
    connect(client, (struct sockaddr *)&address, room);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_file(context, arguments[1], SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context, arguments[2], SSL_FILETYPE_PEM);
    server = SSL_new(context);
    SSL_set_fd(server, accept(listener, NULL, NULL));
    pthread_create(&reader, NULL, read_and_release, NULL);
    SSL *ssl = SSL_new(SSL_CTX_new(TLS_client_method()));
    SSL_set_fd(ssl, client);
    if (SSL_connect(ssl) != 1)
        return 4;
    for (int i = 0; i < atoi(arguments[3]); i++) {
        char *bytes = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(bytes, i, LENGTH);
        written = bytes;
        if (SSL_write(ssl, bytes, LENGTH) != LENGTH)
            return 5;
        while (written != NULL)
            ;
    }
    SSL_shutdown(ssl);
    pthread_join(reader, NULL);
    puts("ok");
    return 0;
}
