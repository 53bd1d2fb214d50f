/* SPDX-License-Identifier: MIT */
#include "slice.h"

#include "flow.h"
#include "libc.h"

#define APPLICATION_DATA 23
#define PLAIN_MAX 16384u
#define BODY_MAX (PLAIN_MAX + 2048)
#define OVERHEAD_MAX 80u /* TLS 1.2 and below: IV 16, HMAC-SHA384 48, padding 16 (OpenSSL pads no more than it must) */
#define STACK_BYTES (128u << 10)

void slice_begin(struct call *entry)
{
    SSL_is_init_finished_type is_finished = LIBRARY(entry->library, SSL_is_init_finished);
    /* While a handshake is under way its messages would count. */
    if (is_finished == NULL || is_finished(entry->ssl) != 1)
        return;
    struct flow_use use = {entry->ssl, entry->library, -1};
    struct session *session = flow_session(&use);
    if (session == NULL)
        return;
    if (session->unfinished == 0) {
        session->bound = session->reported;
        memset(&session->parser, 0, sizeof session->parser);
    } else {
        entry->fd = session->fd; /* what comes first may be the rest of a record */
    }
    entry->session = session;
    entry->sliced = 1;
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

/* Passes bytes through the parser; the clear text of the records that they complete. */
static uint64_t parse(struct record_parser *parser, const uint8_t *bytes, uint64_t length, bool tls13)
{
    uint64_t plain = 0;
    while (length != 0 && parser->broken == 0) {
        if (parser->have < sizeof parser->header) {
            parser->header[parser->have++] = *bytes++;
            length--;
            if (parser->have < sizeof parser->header)
                continue;
            const uint8_t *header = parser->header;
            parser->left = (uint32_t)header[3] << 8 | header[4];
            parser->plain = plain_of(header[0], parser->left, tls13);
            parser->broken = header[0] < 20 || header[0] > APPLICATION_DATA || header[1] != 3 || parser->left == 0 ||
                             parser->left > BODY_MAX;
            continue;
        }
        uint32_t step = length < parser->left ? (uint32_t)length : parser->left;
        bytes += step;
        length -= step;
        parser->left -= step;
        if (parser->left == 0) {
            plain += parser->plain;
            parser->have = 0;
        }
    }
    return plain;
}

void slice_sent(struct call *entry, const uint8_t *bytes, uint64_t length, const char *frame)
{
    /* A longjmp may have skipped the write, and its buffer may be gone: the wrapper's frame must be near and unspoilt. */
    if ((uintptr_t)entry->frame - (uintptr_t)frame > STACK_BYTES || *entry->guard != entry->guard_value)
        return;
    struct session *session = entry->session;
    SSL_version_type version = LIBRARY(entry->library, SSL_version);
    bool tls13 = version == NULL || version(entry->ssl) >= 0x0304;
    session->fd = entry->fd;
    session->bound += parse(&session->parser, bytes, length, tls13);
    uint64_t sent = session->bound < entry->length ? session->bound : entry->length;
    if (sent < session->reported + SLICE_BYTES)
        return;
    struct flow_use use = {entry->ssl, entry->library, entry->fd};
    flow_data(&use, session, true, entry->bytes + session->reported, sent - session->reported, entry->time_ns);
    session->reported = sent;
    entry->time_ns = clock_ns(SSLC_CLOCK_REALTIME);
}

void slice_failed(struct session *session)
{
    if (session->reported != 0 || session->bound != 0 || session->parser.have != 0)
        session->unfinished = 1;
}

uint64_t slice_done(struct session *session, uint64_t length)
{
    uint64_t ahead = session->reported < length ? session->reported : length;
    session->reported -= ahead;
    session->bound = session->reported;
    session->unfinished = 0;
    return ahead;
}
