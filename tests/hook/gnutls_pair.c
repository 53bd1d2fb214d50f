/* SPDX-License-Identifier: MIT */
/* gnutls_pair WAY: both ends of a session of GnuTLS in one process, over memory that takes little at a time. The client sends TOTAL
 * bytes, and the program fails unless the server gets them.
 *
 * more: a send that is to be called again is, with more bytes than before; short: with records that are smaller than those bytes;
 * file: GnuTLS itself reads a file and sends it; sequence: what is received is so with the numbers of its records; carrier: what is sent is the stream of another session, whose functions to send and to
 * receive are those of GnuTLS. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOTAL 60000
#define ROOM 100 /* bytes that are on their way at most */

#ifdef EARLY /* the sessions are those of gnutls_early.c */
extern gnutls_session_t early_server, early_client;
#endif

struct pipe {
    unsigned char bytes[1 << 16];
    size_t length, room;
};

struct end {
    gnutls_session_t session;
    struct pipe *out, *in;
};

static unsigned char sent[TOTAL];

static int check(int result, const char *what)
{
    if (result < 0 && result != GNUTLS_E_AGAIN) {
        fprintf(stderr, "%s: %s\n", what, gnutls_strerror(result));
        exit(1);
    }
    return result;
}

static ssize_t push(gnutls_transport_ptr_t pointer, const void *bytes, size_t length)
{
    struct end *end = pointer;
    size_t room = end->out->room - end->out->length;
    length = length < room ? length : room;
    if (length == 0) {
        errno = EAGAIN;
        return -1;
    }
    memcpy(end->out->bytes + end->out->length, bytes, length);
    end->out->length += length;
    return (ssize_t)length;
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *bytes, size_t length)
{
    struct end *end = pointer;
    length = length < end->in->length ? length : end->in->length;
    if (length == 0) {
        errno = EAGAIN;
        return -1;
    }
    memcpy(bytes, end->in->bytes, length);
    end->in->length -= length;
    memmove(end->in->bytes, end->in->bytes + length, end->in->length);
    return (ssize_t)length;
}

static void open_end(gnutls_session_t *session, unsigned flags)
{
    gnutls_anon_server_credentials_t server;
    gnutls_anon_client_credentials_t client;
#ifdef EARLY
    *session = flags == GNUTLS_SERVER ? early_server : early_client;
#else
    check(gnutls_init(session, flags | GNUTLS_NONBLOCK), "init");
#endif
    check(gnutls_priority_set_direct(*session, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ANON-ECDH", NULL), "priority");
    if (flags == GNUTLS_SERVER) {
        gnutls_anon_allocate_server_credentials(&server);
        gnutls_credentials_set(*session, GNUTLS_CRD_ANON, server);
    } else {
        gnutls_anon_allocate_client_credentials(&client);
        gnutls_credentials_set(*session, GNUTLS_CRD_ANON, client);
    }
}

static void shake_hands(gnutls_session_t client, gnutls_session_t server)
{
    int one = -1, other = -1;
    while (one != 0 || other != 0) {
        one = one == 0 ? 0 : check(gnutls_handshake(client), "client's handshake");
        other = other == 0 ? 0 : check(gnutls_handshake(server), "server's handshake");
    }
}

/* The session's bytes pass through these pipes. */
static void open_pair(struct end ends[2], struct pipe pipes[2])
{
    for (int i = 0; i < 2; i++) {
        pipes[i] = (struct pipe){.room = sizeof pipes->bytes};
        ends[i].out = &pipes[i];
        ends[i].in = &pipes[1 - i];
        open_end(&ends[i].session, i == 0 ? GNUTLS_CLIENT : GNUTLS_SERVER);
        gnutls_transport_set_ptr(ends[i].session, &ends[i]);
        gnutls_transport_set_push_function(ends[i].session, push);
        gnutls_transport_set_pull_function(ends[i].session, pull);
    }
    shake_hands(ends[0].session, ends[1].session);
}

static ssize_t send_file(gnutls_session_t session, off_t at)
{
    FILE *file = tmpfile();
    fwrite(sent, 1, sizeof sent, file);
    fflush(file);
    lseek(fileno(file), at, SEEK_SET);
    ssize_t result = gnutls_record_send_file(session, fileno(file), NULL, sizeof sent - (size_t)at);
    fclose(file);
    return result;
}

static ssize_t receive(gnutls_session_t session, unsigned char *bytes, size_t room, const char *way)
{
    unsigned char number[8];
    return strcmp(way, "sequence") == 0 ? gnutls_record_recv_seq(session, bytes, room, number)
                                        : gnutls_record_recv(session, bytes, room);
}

/* As much as is taken, then what the other end gets of it. */
static void pass(gnutls_session_t from, gnutls_session_t to, const char *way)
{
    static unsigned char received[TOTAL];
    size_t at = 0, got = 0, step = 400;
    while (got < TOTAL) {
        size_t left = TOTAL - at, most = strcmp(way, "short") == 0 ? 5000 : step;
        ssize_t result = at == TOTAL ? 0 : strcmp(way, "file") == 0 ? send_file(from, (off_t)at)
                         : gnutls_record_send(from, sent + at, left < most ? left : most);
        step = check((int)result, "send") < 0 ? step + 700 : 400;
        at += result > 0 ? (size_t)result : 0;
        result = check((int)receive(to, received + got, TOTAL - got, way), "receive");
        got += result > 0 ? (size_t)result : 0;
    }
    if (at != TOTAL || memcmp(received, sent, TOTAL) != 0)
        exit(2);
}

int main(int argc, char **argv)
{
    static struct pipe pipes[2];
    static struct end ends[2];
    gnutls_session_t inner[2];
    const char *way = argc == 2 ? argv[1] : "";
    for (size_t i = 0; i < TOTAL; i++)
        sent[i] = (unsigned char)(i * 7 + i / 251);
    open_pair(ends, pipes);
    if (strcmp(way, "short") == 0)
        check(gnutls_record_set_max_size(ends[0].session, 512), "size");
    if (strcmp(way, "file") != 0)
        pipes[0].room = ROOM;
    if (strcmp(way, "carrier") != 0) {
        pass(ends[0].session, ends[1].session, way);
    } else {
        for (int i = 0; i < 2; i++) {
            open_end(&inner[i], i == 0 ? GNUTLS_CLIENT : GNUTLS_SERVER);
            gnutls_transport_set_ptr(inner[i], ends[i].session);
            gnutls_transport_set_push_function(inner[i], (gnutls_push_func)gnutls_record_send);
            gnutls_transport_set_pull_function(inner[i], (gnutls_pull_func)gnutls_record_recv);
        }
        pipes[0].room = sizeof pipes[0].bytes;
        shake_hands(inner[0], inner[1]);
        pass(inner[0], inner[1], way);
    }
    for (int i = 0; i < 2; i++) {
        if (strcmp(way, "carrier") == 0)
            gnutls_deinit(inner[i]);
        gnutls_deinit(ends[i].session);
    }
    return 0;
}
