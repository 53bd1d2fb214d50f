/* SPDX-License-Identifier: MIT */
/* Flows: what of a session the agent is told, in which order, and what is counted when it cannot be told.
 *
 * `open` goes before the first data or gap; offsets count every byte; bytes that found no room are told of by a gap before the
 * next record of that direction, or before the close. */
#ifndef SSLC_FLOW_H
#define SSLC_FLOW_H

#include "library.h"
#include "session.h"

/* Learns what is known of a session once data passes; NULL, a full table, is counted. */
void flow_meet(const struct flow_use *use, struct session *session);

/* The session's record, made if need be; NULL when the table is full, or it is no TLS over a stream. */
static inline struct session *flow_session(const struct flow_use *use)
{
    struct session *session = session_insert(use->ssl);
    if (UNLIKELY(session == NULL) || UNLIKELY((load_relaxed(&session->flags) & SESSION_ROLE) == 0))
        flow_meet(use, session);
    return session == NULL || (load_relaxed(&session->flags) & SESSION_IGNORED) != 0 ? NULL : session;
}

/* `length` > 0 bytes of clear text passed. `time_ns`: before a write, after a read. */
void flow_data(const struct flow_use *use, struct session *session, bool written, const uint8_t *bytes,
               uint64_t length, uint64_t time_ns);

/* `length` > 0 bytes were written that never were in this process's memory. */
void flow_unseen(const struct flow_use *use, struct session *session, uint64_t length, uint64_t time_ns);

/* `length` > 0 bytes of clear text were written of which there is no copy. */
void flow_lost(struct session *session, uint64_t length, uint64_t time_ns);

/* `length` bytes of clear text passed while this process has no ring, or nothing of it is wanted. */
void flow_unserved(const struct flow_use *use, bool written, uint64_t length);

/* Counts a session that is not to be mirrored, once. */
void flow_unmirrored(const void *ssl);

/* Learns the session's socket and address from what a call showed, and tells them where its flow is open without one. */
void flow_address(const struct flow_use *use, struct session *session);

/* Notes that a close_notify was sent or received. */
void flow_alert(struct session *session, bool sent);

/* The session is freed, cleared or shut down both ways: ends its flow. What passes later is another flow. */
void flow_end(const struct flow_use *use, struct session *session);

/* The session is made, and which end it is is known: its flow begins with its first byte. */
void flow_begin(const void *ssl, bool accepts);

/* The session's object is gone, or another's: ends its flow, if it has one, and forgets it. */
void flow_forget(const struct library *library, const void *ssl);

#endif
