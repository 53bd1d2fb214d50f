/* SPDX-License-Identifier: MIT */
#include "flow.h"

#include "attach.h"
#include "ending.h"
#include "hello.h"
#include "libc.h"
#include "lock.h"
#include "open.h"
#include "settings.h"
#include "thread.h"

#define PID_SHIFT 30 /* flow numbers: owner of the ring, below 2^22, above a count */
#define PID_MASK ((1u << 22) - 1)
#define OPENING_SPINS 1000

static uint32_t flows;
static uint32_t replayed; /* epoch of the ring that was told of earlier hellos */
static uint32_t counted[2048]; /* bit set of sessions, by a hash of their address, that were counted as unmirrored */

static inline unsigned direction_of(const struct session *session, bool written)
{
    bool server = (load_relaxed(&session->flags) & SESSION_SERVER) != 0;
    return written == server ? SSLC_TO_CLIENT : SSLC_TO_SERVER;
}

/* Whether this is the first time, as far as the bit set tells. */
static bool count_once(const void *ssl)
{
    uint32_t hash = (uint32_t)(((uint64_t)(uintptr_t)ssl * 0x9e3779b97f4a7c15ull) >> 48);
    return (__atomic_fetch_or(&counted[hash / 32], 1u << hash % 32, __ATOMIC_RELAXED) >> hash % 32 & 1) == 0;
}

COLD void flow_unmirrored(const void *ssl)
{
    struct ring_view *view = attach_ring();
    if (view != NULL && count_once(ssl))
        add_relaxed(&view->ring->unmirrored, 1);
}

/* What is known once data passes: role, and whether this is TLS over a stream at all. */
static void learn_role(const struct flow_use *use, struct session *session)
{
    uint32_t flags = SESSION_ROLE;
    SSL_is_server_type is_server = LIBRARY(use->library, SSL_is_server);
    SSL_version_type version = LIBRARY(use->library, SSL_version);
    if (is_server != NULL && is_server(use->ssl) != 0)
        flags |= SESSION_SERVER;
    if (version != NULL) {
        int number = version(use->ssl);
        if (number >> 8 == 0xfe || number == 0x100 || number == 1) /* DTLS, OpenSSL's old DTLS, QUIC */
            flags |= SESSION_IGNORED;
    }
    if (load_relaxed(&attach_missed) != 0 && (load_relaxed(&session->flags) & SESSION_KNOWN) == 0)
        flags |= SESSION_LATE;
    __atomic_fetch_or(&session->flags, flags, __ATOMIC_RELAXED);
}

COLD void flow_meet(const struct flow_use *use, struct session *session)
{
    if (session == NULL)
        flow_unmirrored(use->ssl);
    else
        learn_role(use, session);
}

static COLD void drop(struct ring_view *view, struct session *session, unsigned direction, uint64_t length, uint64_t time_ns)
{
    struct sslc_ring *ring = view->ring;
    uint64_t none = 0;
    store_relaxed(&session->pending[direction], load_relaxed(&session->pending[direction]) + length);
    store_relaxed(&session->offset[direction], load_relaxed(&session->offset[direction]) + length);
    add_relaxed(&ring->dropped_bytes, length);
    if (load_relaxed(&ring->drop_first_ns) == 0)
        __atomic_compare_exchange_n(&ring->drop_first_ns, &none, time_ns, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    store_relaxed(&ring->drop_last_ns, time_ns);
}

/* Another reader has taken the ring over: flows that were opened are opened again. */
static void refer_again(struct session *session)
{
    if (load_relaxed(&session->opened) != 0)
        __atomic_fetch_or(&session->flags, SESSION_AGAIN, __ATOMIC_RELAXED);
    store_relaxed(&session->opened, 0);
}

/* Another ring: one of this process's own after one that was given up, or the first of a forked child. */
static void refer_anew(const struct ring_view *view, struct session *session)
{
    bool told = load_relaxed(&session->opened) != 0;
    bool began = (load_relaxed(&session->offset[0]) | load_relaxed(&session->offset[1])) != 0;
    bool forked = session->flow != 0 && session->process != view->process;
    __atomic_fetch_and(&session->flags, ~(SESSION_AGAIN | SESSION_SKIPPED), __ATOMIC_RELAXED);
    if (told && forked)
        __atomic_fetch_or(&session->flags, SESSION_INHERITED, __ATOMIC_RELAXED);
    else if (began)
        __atomic_fetch_or(&session->flags, SESSION_LATE, __ATOMIC_RELAXED);
    if (session->flow == 0 || forked)
        session->flow = (uint64_t)(view->owner & PID_MASK) << PID_SHIFT |
                        (add_relaxed(&flows, 1) & ((1u << PID_SHIFT) - 1));
    session->process = view->process;
    store_relaxed(&session->pending[0], 0);
    store_relaxed(&session->pending[1], 0);
    store_relaxed(&session->opened, 0);
}

/* Makes the session refer to this ring and its reader rather than to one of before. Needs session->opening. */
static void refer_to(const struct ring_view *view, struct session *session)
{
    uint64_t epoch = ring_epoch(view), before = load_relaxed(&session->epoch);
    if (before == epoch)
        return;
    if (before >> 32 == view->epoch)
        refer_again(session);
    else
        refer_anew(view, session);
    store_release(&session->epoch, epoch);
}

static inline bool is_open(const struct ring_view *view, const struct session *session)
{
    return load_acquire(&session->epoch) == ring_epoch(view) && load_acquire(&session->opened) != 0;
}

/* Publishes `open`. False when there was no room, or another thread did not finish doing it. */
static COLD bool open_flow(struct ring_view *view, const struct flow_use *use, struct session *session, uint64_t time_ns)
{
    for (unsigned spins = 0; !try_lock(&session->opening, view->process); spins++) {
        if (is_open(view, session))
            return true;
        if (spins == OPENING_SPINS)
            return false;
        __asm__ volatile("" : : : "memory");
    }
    if (load_relaxed(&replayed) != view->epoch) {
        store_relaxed(&replayed, view->epoch);
        hello_replay(view);
    }
    refer_to(view, session);
    bool opened = load_relaxed(&session->opened) != 0;
    if (!opened) {
        opened = open_publish(view, use, session, false, time_ns);
        if (opened)
            store_release(&session->opened, 1);
        else
            add_relaxed(&view->ring->dropped_records, 1);
    }
    unlock(&session->opening);
    return opened;
}

/* Tells of what was lost. False when there was no room for that and `next` bytes of payload behind it: a gap alone would always
 * find room, and a full ring would fill with gaps. */
static bool tell_gap(struct ring_view *view, struct session *session, unsigned direction, uint64_t next,
                     uint64_t time_ns)
{
    uint64_t pending = load_relaxed(&session->pending[direction]);
    if (LIKELY(pending == 0))
        return true;
    if (!ring_has_room(view, next < RING_PIECE_BYTES ? (uint32_t)next : RING_PIECE_BYTES))
        return false;
    if (!ending_tell_gap(view, session->flow, direction, load_relaxed(&session->offset[direction]), pending, time_ns))
        return false;
    store_relaxed(&session->pending[direction], 0);
    return true;
}

static inline bool may_publish(struct ring_view *view, const struct flow_use *use, struct session *session,
                               unsigned direction, uint64_t next, uint64_t time_ns)
{
    return (LIKELY(is_open(view, session)) || open_flow(view, use, session, time_ns)) &&
           tell_gap(view, session, direction, next, time_ns);
}

static HOT bool publish_data(struct ring_view *view, uint64_t flow, unsigned direction, uint64_t offset, const uint8_t *bytes,
                             uint32_t length, uint64_t time_ns)
{
    struct sslc_slot form;
    form.kind = SSLC_DATA;
    form.direction = (uint8_t)direction;
    form.flags = 0;
    form.length = length;
    form.flow = flow;
    form.offset = offset;
    form.time_ns = time_ns;
    form.amount = 0;
    return ring_publish_here(view, &form, bytes);
}

/* Publishes in as many records as it takes, and drops what finds no room. */
static void publish_pieces(struct ring_view *view, struct session *session, unsigned direction, const uint8_t *bytes,
                           uint64_t length, uint64_t time_ns)
{
    while (length != 0) {
        uint64_t offset = load_relaxed(&session->offset[direction]);
        uint32_t piece = length < RING_PIECE_BYTES ? (uint32_t)length : RING_PIECE_BYTES;
        if (UNLIKELY(!publish_data(view, session->flow, direction, offset, bytes, piece, time_ns))) {
            drop(view, session, direction, length, time_ns);
            return;
        }
        store_relaxed(&session->offset[direction], offset + piece);
        bytes += piece;
        length -= piece;
    }
}

/* There may be something to do first. */
static __attribute__((noinline)) void data_after(const struct flow_use *use, struct session *session, bool written,
                                                 const uint8_t *bytes, uint64_t length, uint64_t time_ns)
{
    unsigned direction = direction_of(session, written);
    struct ring_view *view = attach_ring();
    if (UNLIKELY(view == NULL)) {
        store_relaxed(&session->offset[direction], load_relaxed(&session->offset[direction]) + length);
        store_relaxed(&attach_missed, 1);
        return;
    }
    if (UNLIKELY(load_relaxed(&endings_waiting) != 0))
        endings_flush(view);
    if (UNLIKELY(!may_publish(view, use, session, direction, length, time_ns))) {
        drop(view, session, direction, length, time_ns);
        return;
    }
    if (UNLIKELY(bytes[0] == HELLO_FIRST || load_relaxed(&hello_waiting) != 0))
        hello_look_session(use->ssl, session->flow, !written, bytes, length);
    publish_pieces(view, session, direction, bytes, length, time_ns);
}

/* Nothing is to be done before a record of the session is published. */
static inline bool is_ready(const struct ring_view *view, const struct session *session, unsigned direction, uint8_t first)
{
    return LIKELY(is_open(view, session)) && LIKELY(load_relaxed(&session->pending[direction]) == 0) &&
           LIKELY(first != HELLO_FIRST) && LIKELY(load_relaxed(&hello_waiting) == 0) &&
           LIKELY(load_relaxed(&endings_waiting) == 0);
}

void flow_data(const struct flow_use *use, struct session *session, bool written, const uint8_t *bytes,
               uint64_t length, uint64_t time_ns)
{
    unsigned direction = direction_of(session, written);
    struct ring_view *view = attach_ring();
    if (UNLIKELY(view == NULL) || !is_ready(view, session, direction, bytes[0]) || UNLIKELY(length > RING_PIECE_BYTES)) {
        data_after(use, session, written, bytes, length, time_ns);
        return;
    }
    uint64_t offset = load_relaxed(&session->offset[direction]);
    if (LIKELY(publish_data(view, session->flow, direction, offset, bytes, (uint32_t)length, time_ns)))
        store_relaxed(&session->offset[direction], offset + length);
    else
        drop(view, session, direction, length, time_ns);
}

COLD void flow_lost(struct session *session, uint64_t length, uint64_t time_ns)
{
    unsigned direction = direction_of(session, true);
    struct ring_view *view = attach_ring();
    if (view != NULL) {
        add_relaxed(&view->ring->uncopied_bytes, length);
        drop(view, session, direction, length, time_ns);
        return;
    }
    store_relaxed(&session->offset[direction], load_relaxed(&session->offset[direction]) + length);
    store_relaxed(&attach_missed, 1);
}

/* Whether the session is one more of which nothing is wanted. */
static bool skip_once(const void *ssl, struct session *session)
{
    if (session == NULL)
        return count_once(ssl);
    return (load_relaxed(&session->flags) & SESSION_SKIPPED) == 0 &&
           (__atomic_fetch_or(&session->flags, SESSION_SKIPPED, __ATOMIC_RELAXED) & SESSION_SKIPPED) == 0;
}

COLD void flow_unserved(const struct flow_use *use, bool written, uint64_t length)
{
    struct session *session = session_find(use->ssl);
    struct ring_view *unwanted = attach_unwanted();
    store_relaxed(&attach_missed, 1);
    if (unwanted == NULL) {
        attach_count_ringless(length, count_once(use->ssl));
    } else {
        add_relaxed(&unwanted->ring->skipped_bytes, length);
        if (UNLIKELY(skip_once(use->ssl, session)))
            add_relaxed(&unwanted->ring->skipped_sessions, 1);
    }
    if (session == NULL)
        return;
    unsigned direction = direction_of(session, written);
    store_relaxed(&session->offset[direction], load_relaxed(&session->offset[direction]) + length);
}

void flow_unseen(const struct flow_use *use, struct session *session, uint64_t length, uint64_t time_ns)
{
    unsigned direction = direction_of(session, true);
    uint64_t offset = load_relaxed(&session->offset[direction]);
    struct ring_view *view = attach_ring();
    if (view == NULL) {
        store_relaxed(&session->offset[direction], offset + length);
        store_relaxed(&attach_missed, 1);
        return;
    }
    struct sslc_slot form;
    memset(&form, 0, sizeof form);
    form.kind = SSLC_GAP;
    form.direction = (uint8_t)direction;
    form.flags = SSLC_NEVER_USER;
    form.offset = offset;
    form.amount = length;
    form.time_ns = time_ns;
    if (may_publish(view, use, session, direction, 0, time_ns)) {
        form.flow = session->flow;
        if (ring_publish(view, &form, NULL)) {
            store_relaxed(&session->offset[direction], offset + length);
            return;
        }
    }
    drop(view, session, direction, length, time_ns);
}

COLD void flow_address(const struct flow_use *use, struct session *session)
{
    struct ring_view *view = attach_ring();
    if (view == NULL || !try_lock(&session->opening, view->process))
        return;
    if (use->fd >= 0)
        store_relaxed(&session->socket, (uint32_t)use->fd + 1);
    if (!is_open(view, session))
        open_learn(use, session);
    else if ((load_relaxed(&session->flags) & SESSION_ADDRESSED) == 0 &&
             !open_publish(view, use, session, true, clock_ns(SSLC_CLOCK_REALTIME)))
        add_relaxed(&view->ring->dropped_records, 1);
    unlock(&session->opening);
}

void flow_alert(struct session *session, bool sent)
{
    uint32_t flags = load_relaxed(&session->flags), add = sent ? SESSION_SENT : SESSION_RECEIVED;
    if (sent && (flags & SESSION_RECEIVED) == 0)
        add |= SESSION_SENT_FIRST;
    if ((flags & add) != add && (flags & (sent ? SESSION_SENT : SESSION_RECEIVED)) == 0)
        __atomic_fetch_or(&session->flags, add, __ATOMIC_RELAXED);
}

static void tell_end(const struct flow_use *use, struct session *session)
{
    struct ring_view *view = attach_ring();
    if (view == NULL || load_acquire(&session->epoch) >> 32 != view->epoch)
        return;
    uint64_t now = clock_ns(SSLC_CLOCK_REALTIME);
    bool lost = (load_relaxed(&session->pending[0]) | load_relaxed(&session->pending[1])) != 0;
    bool again = load_acquire(&session->epoch) != ring_epoch(view) && load_relaxed(&session->opened) != 0;
    if (!is_open(view, session) && ((!lost && !again) || !open_flow(view, use, session, now))) {
        if (lost)
            add_relaxed(&view->ring->lost_sessions, 1);
        return;
    }
    SSL_get_shutdown_type get_shutdown = LIBRARY(use->library, SSL_get_shutdown);
    SSL_get_quiet_shutdown_type get_quiet = LIBRARY(use->library, SSL_get_quiet_shutdown);
    uint32_t flags = load_relaxed(&session->flags);
    /* A shutdown that did not come past SSL_shutdown; a quiet one only pretends. */
    if (get_shutdown != NULL && (get_shutdown(use->ssl) & 1) != 0 && (get_quiet == NULL || get_quiet(use->ssl) == 0) &&
        (flags & SESSION_SENT) == 0)
        flags |= SESSION_SENT | ((flags & SESSION_RECEIVED) == 0 ? SESSION_SENT_FIRST : 0);
    struct sslc_slot form;
    memset(&form, 0, sizeof form);
    form.kind = SSLC_CLOSE;
    form.flow = session->flow;
    form.time_ns = now;
    if ((flags & (SESSION_SENT | SESSION_RECEIVED)) != 0)
        form.flags |= SSLC_ORDERLY;
    if ((flags & SESSION_SENT_FIRST) != 0)
        form.flags |= SSLC_ALERT_SENT;
    struct ending ending = {form, {0, 0}, {0, 0}};
    for (unsigned i = 0; i < 2; i++) {
        ending.pending[i] = load_relaxed(&session->pending[i]);
        ending.offset[i] = load_relaxed(&session->offset[i]);
    }
    ending_tell(view, &ending);
}

void flow_end(const struct flow_use *use, struct session *session)
{
    tell_end(use, session);
    store_relaxed(&session->opened, 0);
    store_relaxed(&session->epoch, 0);
    store_relaxed(&session->flags, SESSION_KNOWN | (load_relaxed(&session->flags) & SESSION_ACCEPTS));
    session->flow = 0;
    session->reported = 0;
    session->unfinished = 0;
    session->refusals = 0;
    store_relaxed(&session->socket, 0);
    memset(&session->address, 0, sizeof session->address);
    for (unsigned i = 0; i < 2; i++) {
        store_relaxed(&session->offset[i], 0);
        store_relaxed(&session->pending[i], 0);
    }
}

void flow_begin(const void *ssl, bool accepts)
{
    struct session *session =
        load_acquire(&settings.ready) == 0 || attach_ring_or_claim() == NULL ? NULL : session_insert(ssl);
    if (session != NULL)
        __atomic_fetch_or(&session->flags, SESSION_KNOWN | (accepts ? SESSION_ACCEPTS : 0), __ATOMIC_RELAXED);
}

void flow_forget(const struct library *library, const void *ssl)
{
    thread_forget(&thread_state, ssl);
    struct session *session = session_find(ssl);
    if (LIKELY(session == NULL))
        return;
    struct flow_use use = {ssl, library, -1, -1};
    flow_end(&use, session);
    session_remove(ssl, session);
}
