/* SPDX-License-Identifier: MIT */
/* The TLS sessions of this process that the hook follows, found by the address of their SSL object.
 *
 * Lock-free: an index of 64-bit words, each a key and the number of a record in one word, and dense records that are
 * used again last in, first out. 10,000 idle sessions touch the whole index (1 MiB) and 1.3 MB of records. */
#ifndef SSLC_SESSION_H
#define SSLC_SESSION_H

#include "record.h"
#include "sys.h"

#define SESSIONS_MAX 65536u

#define SESSION_KNOWN 1u       /* its beginning was seen */
#define SESSION_LATE 2u        /* it may have begun before the hook looked */
#define SESSION_INHERITED 4u   /* its flow began in a parent process */
#define SESSION_ADDRESSED 8u   /* the agent was told an address */
#define SESSION_IGNORED 16u    /* no TLS over a stream: DTLS, QUIC */
#define SESSION_SENT 32u       /* close_notify was sent */
#define SESSION_RECEIVED 64u   /* close_notify was received */
#define SESSION_SENT_FIRST 128u
#define SESSION_SERVER 256u    /* role; valid with SESSION_ROLE */
#define SESSION_ROLE 512u
#define SESSION_ACCEPTS 1024u  /* made as a server's: known before its role is asked for */
#define SESSION_AGAIN 2048u    /* its flow was told to a reader that is gone */
#define SESSION_SKIPPED 4096u  /* it was counted as one of which nothing is wanted */

#define DEPARTURE_MARKS 2

/* Where in the stream that goes to the socket a record ends, and at least how much clear text is in it. */
struct departure_mark {
    uint64_t end;
    uint64_t plain;
};

/* The stream of TLS records that a large write sends, in bytes since its beginning. */
struct departure {
    uint64_t offered; /* handed to sockets, again and again where these did not take it */
    uint64_t parsed;  /* seen by the parser below */
    uint64_t taken;   /* by sockets */
    uint64_t met;     /* of what was parsed before and is offered again just now */
    uint64_t bound;   /* clear text that has certainly been sent; signed, as it may be of the write before */
    struct departure_mark mark[DEPARTURE_MARKS]; /* parsed, not taken */
    uint32_t marks;
    uint32_t left;  /* bytes of the record's body still to pass */
    uint32_t plain; /* lower bound of the clear text in it */
    uint8_t header[5];
    uint8_t have;   /* bytes of the header */
    uint8_t broken; /* what passes is no TLS, or the start of a record was missed */
};

/* Directions are used by one thread each, at most; words that both read are accessed atomically. */
struct session {
    uint64_t key; /* address of the SSL object, 0: not in use */
    uint64_t flow;
    uint64_t offset[2];  /* bytes that passed, by enum sslc_direction */
    uint64_t pending[2]; /* the last of them, lost to a full ring and not told of yet */
    uint64_t reported;   /* bytes of the large write under way that were published already */
    struct sslc_address address; /* once it is known */
    uint64_t epoch;      /* ring_epoch that the state here refers to, 0: none yet */
    uint32_t flags;      /* SESSION_* */
    uint32_t opened;     /* `open` was published there */
    uint32_t opening;    /* try-lock */
    uint32_t process;    /* attach_stamp of the one that opened it */
    uint32_t references; /* SSL_up_ref less SSL_free */
    uint32_t socket;     /* 1 and the descriptor from which records of it came, 0: unknown */
    uint32_t refusals;   /* descriptors of it that the kernel had no address of */
    uint32_t next_free;
    uint32_t unfinished; /* a large write is to be tried again */
    struct departure departure; /* of the large write under way */
};

/* Makes the table, unless it is there; nobody uses it yet. By one thread at a time, as are the next three. False when memory is
 * refused. */
bool sessions_create(bool small);

/* From now on it is used. */
void sessions_open(void);

/* Gives back the addresses of most that was never used. */
void sessions_shrink(void);

/* Gives back all; only when it was never opened. */
void sessions_discard(void);

/* Most calls are about the session of the thread's last one. Its record has another key when it was freed since. */
extern __thread struct session *session_last __attribute__((tls_model("initial-exec"), visibility("hidden")));

static inline bool session_is(const struct session *session, const void *ssl)
{
    return LIKELY(session != NULL) && LIKELY(load_relaxed(&session->key) == (uint64_t)(uintptr_t)ssl);
}

/* The next two for a session that is not the thread's last one. */
struct session *session_look_up(const void *ssl);
struct session *session_look_up_or_make(const void *ssl);

/* NULL: not there. */
static inline struct session *session_find(const void *ssl)
{
    struct session *last = session_last;
    return session_is(last, ssl) ? last : session_look_up(ssl);
}

/* Finds or makes it; a new one is zero but for its key. NULL: the table is full, or there is none. */
static inline struct session *session_insert(const void *ssl)
{
    struct session *last = session_last;
    return session_is(last, ssl) ? last : session_look_up_or_make(ssl);
}

/* Forgets it; the caller reads no more of `session` afterwards. */
void session_remove(const void *ssl, struct session *session);

#endif
