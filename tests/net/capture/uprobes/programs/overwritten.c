/* SPDX-License-Identifier: MIT */
/*
 * overwritten COUNT blocking|small|again: one session over TCP within this process, of which one thread sends COUNT bytes in one call, in
 * small records or as large as they may be, or in calls that bring them again until the socket took them all. The other thread
 * overwrites what it has read in the sender's memory, while the sender is still in its call. Ends with 0 when all came as it was meant
 * to be sent.
 *
 * overwritten COUNT given-up: the call fails, since nobody reads meanwhile, and is not made again. Prints how many bytes the other end has.
 */
#include "psk.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Byte N of what is sent is N % PATTERN. */
enum { PATTERN = 251, OVERWRITTEN = 255, PIECE = 16384, SMALL = 512, ROOM = 1 << 18, LITTLE_ROOM = 1 << 15 };

static unsigned char *sent;
static size_t count;
static int is_given_up;
static sem_t failed;

static SSL *session_on(int connection)
{
    SSL_CTX *context = psk_context();
    SSL *session = SSL_new(context);
    SSL_set_fd(session, connection);
    SSL_CTX_free(context);
    return session;
}

static void *read_and_overwrite(void *connection)
{
    static unsigned char piece[PIECE];
    SSL *session = session_on(*(int *)connection);
    size_t at = 0;
    demand(SSL_accept(session) == 1, "not accepted");
    if (is_given_up)
        sem_wait(&failed);
    while (at < count) {
        int length = SSL_read(session, piece, PIECE);
        if (is_given_up && length <= 0)
            break;
        demand(length > 0, "not read");
        for (int i = 0; i < length; i++)
            demand(piece[i] == (at + i) % PATTERN, "not what was to be sent");
        memset(sent + at, OVERWRITTEN, length);
        at += length;
    }
    if (is_given_up)
        printf("%zu\n", at);
    SSL_free(session);
    return NULL;
}

/* Both ends of a connection hold little, so that what was sent is soon read. */
static void connect_both(int ends[2])
{
    int listener = socket(AF_INET, SOCK_STREAM, 0), room = is_given_up ? LITTLE_ROOM : ROOM;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof address;
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    demand(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0, "no listener");
    getsockname(listener, (struct sockaddr *)&address, &size);
    demand(connect(ends[0], (struct sockaddr *)&address, size) == 0, "no connection");
    ends[1] = accept(listener, NULL, NULL);
    close(listener);
}

int main(int argument_count, char **arguments)
{
    int ends[2];
    pthread_t reader;
    demand(argument_count == 3, "two words are needed");
    count = strtoul(arguments[1], NULL, 10);
    int is_again = strcmp(arguments[2], "again") == 0, is_small = strcmp(arguments[2], "small") == 0;
    is_given_up = strcmp(arguments[2], "given-up") == 0;
    sem_init(&failed, 0, 0);
    sent = malloc(count);
    for (size_t i = 0; i < count; i++)
        sent[i] = i % PATTERN;
    connect_both(ends);
    pthread_create(&reader, NULL, read_and_overwrite, &ends[1]);
    SSL *session = session_on(ends[0]);
    demand(SSL_connect(session) == 1, "not connected");
    if (is_small)
        SSL_set_max_send_fragment(session, SMALL);
    if (is_again || is_given_up)
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
    for (int result; (result = SSL_write(session, sent, count)) != (int)count;) {
        demand((is_again || is_given_up) && SSL_get_error(session, result) == SSL_ERROR_WANT_WRITE, "not written");
        if (is_given_up)
            break;
        poll(&(struct pollfd){ ends[0], POLLOUT, 0 }, 1, -1);
    }
    if (is_given_up) {
        shutdown(ends[0], SHUT_WR);
        sem_post(&failed);
    }
    pthread_join(reader, NULL);
    if (!is_given_up)
        SSL_shutdown(session);
    SSL_free(session);
    return 0;
}
