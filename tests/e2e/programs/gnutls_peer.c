/* SPDX-License-Identifier: MIT */
/* gnutls_peer client PORT | server CERTIFICATE KEY, then how: one end of a connection over GnuTLS. The client sends 300,000 bytes, then
 * the server 200,000; each end fails unless it gets what the other sent. The server prints its port.
 *
 * How: plain; again: sends that the socket does not take are called again as they were; null: with nothing; cork: in one piece that is
 * kept; range: with padding; packet: what is received is borrowed. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TO_SERVER 300000
#define TO_CLIENT 200000
#define CHUNK 40000

static const char *how;

static int fail(const char *what, int result)
{
    fprintf(stderr, "%s: %s\n", what, gnutls_strerror(result));
    return 1;
}

static unsigned char pattern(size_t at, int to_client)
{
    return (unsigned char)(at * 7 + at / 251 + (to_client ? 99 : 0));
}

static void wait_for(int fd, short events)
{
    struct pollfd entry = {fd, events, 0};
    poll(&entry, 1, -1);
}

static int is_early(ssize_t result)
{
    return result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED;
}

static ssize_t send_some(gnutls_session_t session, const unsigned char *bytes, size_t length)
{
    gnutls_range_st range = {length, length + 100};
    if (strcmp(how, "range") == 0 && gnutls_record_can_use_length_hiding(session))
        return gnutls_record_send_range(session, bytes, length < 8000 ? length : 8000, &range);
    return gnutls_record_send(session, bytes, length);
}

static int send_all(gnutls_session_t session, int fd, size_t total, int to_client)
{
    static unsigned char bytes[TO_SERVER];
    for (size_t i = 0; i < total; i++)
        bytes[i] = pattern(i, to_client);
    int corks = strcmp(how, "cork") == 0, nothing = strcmp(how, "null") == 0;
    for (size_t at = 0; at < total;) {
        size_t left = total - at, length = left < CHUNK ? left : CHUNK;
        if (corks)
            gnutls_record_cork(session);
        ssize_t result = send_some(session, bytes + at, length);
        while (is_early(result)) {
            wait_for(fd, POLLOUT);
            result = nothing ? gnutls_record_send(session, NULL, 0) : send_some(session, bytes + at, length);
        }
        if (result <= 0)
            return fail("send", (int)result);
        while (corks && is_early(gnutls_record_uncork(session, GNUTLS_RECORD_WAIT)))
            wait_for(fd, POLLOUT);
        at += (size_t)result;
    }
    memset(bytes, 0, sizeof bytes); /* nothing is read later than the call allows */
    return 0;
}

static ssize_t receive_some(gnutls_session_t session, unsigned char *bytes, size_t room)
{
    gnutls_packet_t packet;
    gnutls_datum_t datum;
    if (strcmp(how, "packet") != 0)
        return gnutls_record_recv(session, bytes, room);
    ssize_t result = gnutls_record_recv_packet(session, &packet);
    if (result > 0) {
        gnutls_packet_get(packet, &datum, NULL);
        memcpy(bytes, datum.data, datum.size);
        gnutls_packet_deinit(packet);
    }
    return result;
}

static int receive_all(gnutls_session_t session, int fd, size_t total, int to_client)
{
    static unsigned char bytes[1 << 16];
    for (size_t at = 0; at < total;) {
        ssize_t result = receive_some(session, bytes, sizeof bytes);
        if (is_early(result)) {
            wait_for(fd, POLLIN);
            continue;
        }
        if (result <= 0)
            return fail("receive", (int)result);
        for (ssize_t i = 0; i < result; i++)
            if (bytes[i] != pattern(at + (size_t)i, to_client))
                return fail("other bytes", 0);
        at += (size_t)result;
    }
    return 0;
}

static int connection(int is_server, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0), small = 4096;
    if (!is_server) {
        address.sin_port = htons((uint16_t)atoi(port));
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
    }
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1) != 0)
        return -1;
    getsockname(fd, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    fd = accept(fd, NULL, NULL);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    return fd;
}

int main(int argc, char **argv)
{
    int is_server = argc == 5;
    if (argc != 4 && argc != 5)
        return 2;
    how = argv[argc - 1];
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t session;
    gnutls_certificate_allocate_credentials(&credentials);
    if (is_server)
        gnutls_certificate_set_x509_key_file(credentials, argv[2], argv[3], GNUTLS_X509_FMT_PEM);
    gnutls_init(&session, is_server ? GNUTLS_SERVER : GNUTLS_CLIENT);
    gnutls_priority_set_direct(session, strcmp(how, "range") == 0 ? "NORMAL:-VERS-ALL:+VERS-TLS1.2" : "NORMAL", NULL);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_datum_t protocol = {(unsigned char *)"pattern", 7};
    gnutls_alpn_set_protocols(session, &protocol, 1, 0);
    if (!is_server)
        gnutls_server_name_set(session, GNUTLS_NAME_DNS, "peer.example", 12);
    int fd = connection(is_server, argv[2]);
    if (fd < 0)
        return 3;
    if (strcmp(how, "again") == 0 || strcmp(how, "null") == 0)
        fcntl(fd, F_SETFL, O_NONBLOCK);
    gnutls_transport_set_int(session, fd);
    int result;
    while ((result = gnutls_handshake(session)) < 0) {
        if (gnutls_error_is_fatal(result))
            return fail("handshake", result);
        wait_for(fd, gnutls_record_get_direction(session) ? POLLOUT : POLLIN);
    }
    int failed = is_server ? receive_all(session, fd, TO_SERVER, 0) || send_all(session, fd, TO_CLIENT, 1)
                           : send_all(session, fd, TO_SERVER, 0) || receive_all(session, fd, TO_CLIENT, 1);
    while (!failed && is_early(gnutls_bye(session, GNUTLS_SHUT_WR)))
        wait_for(fd, POLLOUT);
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    return failed ? 4 : 0;
}
