/* SPDX-License-Identifier: MIT */
/* connections ADDRESS PORT COUNT RATE: as many short TLS connections, begun at so many a second by some threads. Each asks with its own
 * port in the request; a line `PORT ANSWER` says what a server that answers one line told it. Standard error has how many a second there
 * were. Exit 0 when each was answered. */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8
#define NS 1000000000LL

static struct sockaddr_in server = {.sin_family = AF_INET};
static int count, rate;
static long long started_ns;
static SSL_CTX *context;
static atomic_int taken, failed;

static long long now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * NS + time.tv_nsec;
}

static void wait_for_turn(int number)
{
    long long due_ns = started_ns + number * NS / rate;
    struct timespec due = {due_ns / NS, due_ns % NS};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

/* The response's body in `text`; false when there is none. */
static int ask(SSL *ssl, int port, char *text, int size)
{
    int length = snprintf(text, size, "GET /%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", port);
    if (SSL_connect(ssl) != 1 || SSL_write(ssl, text, length) != length)
        return 0;
    int filled = 0, got;
    while (filled < size - 1 && (got = SSL_read(ssl, text + filled, size - 1 - filled)) > 0)
        filled += got;
    text[filled] = '\0';
    char *body = strstr(text, "\r\n\r\n");
    if (body == NULL || body[4] == '\0')
        return 0;
    memmove(text, body + 4, strlen(body + 4) + 1);
    return 1;
}

static int visit(void)
{
    char text[4096];
    struct sockaddr_in own;
    socklen_t length = sizeof own;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int answered = 0;
    if (connect(fd, (struct sockaddr *)&server, sizeof server) == 0 &&
        getsockname(fd, (struct sockaddr *)&own, &length) == 0) {
        SSL *ssl = SSL_new(context);
        SSL_set_fd(ssl, fd);
        answered = ask(ssl, ntohs(own.sin_port), text, sizeof text);
        if (answered)
            printf("%d %s\n", ntohs(own.sin_port), text);
        SSL_free(ssl);
    }
    close(fd);
    return answered;
}

static void *work(void *unused)
{
    (void)unused;
    for (int number; (number = atomic_fetch_add(&taken, 1)) < count;) {
        wait_for_turn(number);
        if (!visit())
            atomic_fetch_add(&failed, 1);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 5 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1)
        return 2;
    server.sin_port = htons((uint16_t)atoi(argv[2]));
    count = atoi(argv[3]);
    rate = atoi(argv[4]);
    context = SSL_CTX_new(TLS_client_method());
    started_ns = now_ns();
    /* Threads that all come first at once may find the hook busy with one of them, and go unmirrored. */
    failed = !visit();
    taken = 1;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    fprintf(stderr, "%d a second, %d failed\n", (int)(count * NS / (now_ns() - started_ns)), failed);
    return failed == 0 ? 0 : 1;
}
