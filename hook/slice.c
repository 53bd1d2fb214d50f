/* SPDX-License-Identifier: MIT */
#include "slice.h"

#include "libc.h"

#define APPLICATION_DATA 23
#define PLAIN_MAX 16384u
#define BODY_MAX (PLAIN_MAX + 2048)
#define OVERHEAD_MAX 80u /* TLS 1.2 and below: IV 16, HMAC-SHA384 48, padding 16 (OpenSSL pads no more than it must) */
#define STACK_BYTES (128u << 10)
#define CTRL_MODE 33
#define ENABLE_PARTIAL_WRITE 1

static bool is_handshaking(const struct flow_use *use)
{
    SSL_is_init_finished_type is_finished = LIBRARY(use->library, SSL_is_init_finished);
    return is_finished == NULL || is_finished(use->ssl) != 1;
}

/* The descriptor that the library itself writes to, -1: none. */
static int own_socket(const struct flow_use *use)
{
    SSL_get_wbio_type get_wbio = LIBRARY(use->library, SSL_get_wbio);
    SSL_get_wfd_type get_wfd = LIBRARY(use->library, SSL_get_wfd);
    /* Without a BIO the latter puts an error into the queue. */
    return get_wbio != NULL && get_wfd != NULL && get_wbio(use->ssl) != NULL ? get_wfd(use->ssl) : -1;
}

/* All of the write is sent, or none of it. */
static bool is_whole(const struct flow_use *use)
{
    SSL_ctrl_type control = LIBRARY(use->library, SSL_ctrl);
    return control != NULL && (control(use->ssl, CTRL_MODE, 0, NULL) & ENABLE_PARTIAL_WRITE) == 0;
}

/* Publishes up to position `end` of the write. */
static void publish(const struct flow_use *use, struct session *session, struct bounce *bounce, uint64_t end,
                    uint64_t time_ns)
{
    uint64_t told = session->reported, have = bounce_have(bounce, told);
    have = have < end - told ? have : end - told;
    if (have != 0)
        flow_data(use, session, true, bounce->bytes + (told - bounce->start), have, time_ns);
    if (told + have < end)
        flow_lost(session, end - told - have, time_ns);
    session->reported = end;
    bounce_pass(bounce, end);
}

void slice_begin(const struct flow_use *use, struct session *session, struct bounce *bounce, struct call *entry,
                 uint64_t time_ns)
{
    uint64_t told = session->reported < bounce->length ? session->reported : bounce->length;
    struct departure *departure = &session->departure;
    if (session->unfinished == 0) {
        memset(departure, 0, sizeof *departure);
        departure->bound = told;
    }
    bounce->start = told;
    /* While a handshake is under way its messages would count. */
    if (is_handshaking(use) || entry == NULL) {
        bounce_fill_any(bounce, told + bounce->room);
        return;
    }
    entry->session = session;
    entry->sliced = 1;
    entry->socket = own_socket(use);
    if (entry->socket >= 0)
        return;
    entry->socket = (int)load_relaxed(&session->socket) - 1; /* a BIO of the program's own may write there */
    if (bounce->length - told > bounce->room && bounce->from != NULL && is_whole(use)) {
        uint64_t early = bounce->length - told - bounce->room;
        flow_data(use, session, true, bounce->from + told, early, time_ns);
        session->reported = departure->bound = bounce->start = told + early;
    }
    bounce_fill_any(bounce, bounce->start + bounce->room);
}

/* Lower bound of the clear text in a record with a body of `length` bytes. */
static uint32_t plain_of(uint8_t type, uint32_t length, bool tls13)
{
    if (type != APPLICATION_DATA)
        return 0;
    if (tls13) /* inner type 1, tag 16 or 8 */
        return length == PLAIN_MAX + 17 || length == PLAIN_MAX + 9 ? PLAIN_MAX : 0;
    if (length == PLAIN_MAX + 24 || length == PLAIN_MAX + 16) /* GCM and CCM, ChaCha20-Poly1305 and CCM-8 */
        return PLAIN_MAX;
    return length > OVERHEAD_MAX ? length - OVERHEAD_MAX : 0;
}

/* A record ends here, `plain` bytes of clear text later. When two are on their way already, the later one waits for this. */
static void add_mark(struct departure *departure, uint64_t plain)
{
    if (plain == 0)
        return;
    if (departure->marks < DEPARTURE_MARKS)
        departure->marks++;
    struct departure_mark *mark = &departure->mark[departure->marks - 1];
    mark->end = departure->parsed;
    mark->plain += plain;
}

/* Passes bytes that were not parsed yet through the parser. */
static void parse(struct departure *departure, const uint8_t *bytes, uint64_t length, bool tls13)
{
    while (length != 0 && departure->broken == 0) {
        if (departure->have < sizeof departure->header) {
            departure->header[departure->have++] = *bytes++;
            departure->parsed++;
            length--;
            if (departure->have < sizeof departure->header)
                continue;
            const uint8_t *header = departure->header;
            departure->left = (uint32_t)header[3] << 8 | header[4];
            departure->plain = plain_of(header[0], departure->left, tls13);
            departure->broken = header[0] < 20 || header[0] > APPLICATION_DATA || header[1] != 3 || departure->left == 0 ||
                                departure->left > BODY_MAX;
            continue;
        }
        uint32_t step = length < departure->left ? (uint32_t)length : departure->left;
        bytes += step;
        departure->parsed += step;
        length -= step;
        departure->left -= step;
        if (departure->left == 0) {
            add_mark(departure, departure->plain);
            departure->have = 0;
        }
    }
}

bool slice_carries(const struct call *entry, int fd, const char *frame)
{
    return entry->sliced != 0 && entry->socket == fd && (uintptr_t)entry->frame - (uintptr_t)frame <= STACK_BYTES &&
           *entry->guard == entry->guard_value;
}

void slice_leaving(struct call *entry, const uint8_t *bytes, uint64_t length)
{
    struct session *session = entry->session;
    struct departure *departure = &session->departure;
    struct bounce *bounce = entry->bounce;
    departure->offered += length;
    bounce_fill_any(bounce, departure->offered);
    SSL_version_type version = LIBRARY(entry->library, SSL_version);
    uint64_t again = departure->parsed - departure->taken; /* what the socket did not take before */
    again = again > departure->met ? again - departure->met : 0;
    uint64_t skip = again < length ? again : length;
    departure->met += skip;
    if (slice_is_clear(entry, bytes)) {
        departure->parsed += length - skip;
        add_mark(departure, length - skip);
    } else {
        parse(departure, bytes + skip, length - skip, version == NULL || version(entry->ssl) >= 0x0304);
    }
}

void slice_left(struct call *entry, uint64_t length)
{
    struct session *session = entry->session;
    struct departure *departure = &session->departure;
    struct flow_use use = {entry->ssl, entry->library, entry->fd, -1};
    departure->met = 0;
    departure->taken += length;
    while (departure->marks != 0 && departure->mark[0].end <= departure->taken) {
        departure->bound += departure->mark[0].plain;
        departure->mark[0] = departure->mark[1];
        memset(&departure->mark[1], 0, sizeof departure->mark[1]);
        departure->marks--;
    }
    uint64_t bound = (int64_t)departure->bound < 0 ? 0 : departure->bound;
    uint64_t sent = bound < entry->bounce->length ? bound : entry->bounce->length;
    if (sent < session->reported + SLICE_BYTES || !bounce_keep(entry->bounce))
        return;
    publish(&use, session, entry->bounce, sent, entry->time_ns);
    entry->time_ns = clock_ns(SSLC_CLOCK_REALTIME);
}

void slice_failed(struct session *session)
{
    const struct departure *departure = &session->departure;
    if (session->reported != 0 || departure->offered != 0)
        session->unfinished = 1;
}

uint64_t slice_settle(struct session *session, uint64_t length)
{
    uint64_t ahead = session->reported < length ? session->reported : length;
    struct departure *departure = &session->departure;
    session->reported -= ahead;
    session->unfinished = 0;
    if (UNLIKELY(departure->offered != 0)) {
        session->unfinished = departure->broken == 0 && departure->parsed > departure->taken;
        departure->bound -= length;
        departure->offered = 0;
    }
    return ahead;
}
