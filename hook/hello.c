/* SPDX-License-Identifier: MIT */
#include "hello.h"

#include "address.h"
#include "attach.h"
#include "libc.h"
#include "lock.h"

#define PIECES 16
#define PIECE_LOOKS 4096 /* looks at other streams before a piece whose rest never came is given up */
#define RECENT 64        /* hellos kept for a ring that begins later: a reconnection, a forked child, a late connect */

/* Handshake types. */
#define CLIENT_HELLO 1
#define SERVER_HELLO 2

enum verdict { HELLO_NO, HELLO_MORE, HELLO_FOUND };

struct piece {
    uint32_t lock;
    uint32_t have;
    uint64_t key; /* 0: free */
    uint32_t looks;
    uint8_t bytes[HELLO_BYTES];
};

struct recent {
    uint32_t lock;
    uint8_t type;      /* CLIENT_HELLO, SERVER_HELLO; 0: none yet */
    uint8_t unclaimed; /* it counts in hello_unclaimed */
    uint32_t told;     /* epoch of the last ring that was told of it */
    uint64_t time_ns;
    uint64_t flow;
    struct sslc_hello hello;
};

uint32_t hello_waiting;
uint32_t hello_unclaimed;
static struct piece pieces[PIECES];
static uint32_t next_victim;
static struct recent recents[RECENT];
static uint32_t next_recent;

static enum verdict judge(const uint8_t *bytes, size_t length)
{
    static const struct {
        uint8_t at, least, most;
    } rules[] = {
        {0, HELLO_FIRST, HELLO_FIRST},
        {1, 3, 3}, /* record version */
        {2, 0, 4},
        {3, 0, 0x41}, /* record length, below 2^14 + 256 */
        {5, CLIENT_HELLO, SERVER_HELLO},
        {6, 0, 1}, /* its length, below 2^17 */
        {9, 3, 3}, /* legacy_version */
        {10, 0, 4},
    };
    for (unsigned i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].at >= length)
            return HELLO_MORE;
        uint8_t value = bytes[rules[i].at];
        if (value < rules[i].least || value > rules[i].most)
            return HELLO_NO;
    }
    if ((uint32_t)bytes[3] << 8 >= HELLO_BYTES - 5 || bytes[4] >= HELLO_BYTES - 5)
        return length >= HELLO_BYTES ? HELLO_FOUND : HELLO_MORE;
    return HELLO_NO; /* the random is spread over several records */
}

static void publish(struct ring_view *view, const struct sslc_hello *hello, uint64_t flow, uint64_t time_ns)
{
    struct sslc_slot form;
    memset(&form, 0, sizeof form);
    form.kind = SSLC_HELLO;
    form.direction = SSLC_TO_SERVER;
    form.length = sizeof *hello;
    form.flow = flow;
    form.time_ns = time_ns;
    if (!ring_publish(view, &form, hello))
        add_relaxed(&view->ring->dropped_records, 1);
}

/* With its lock held. */
static void set_unclaimed(struct recent *recent, bool unclaimed)
{
    if (unclaimed && recent->unclaimed == 0)
        add_relaxed(&hello_unclaimed, 1);
    else if (!unclaimed && recent->unclaimed != 0)
        __atomic_fetch_sub(&hello_unclaimed, 1, __ATOMIC_RELAXED);
    recent->unclaimed = unclaimed;
}

/* NULL when another thread is just now telling of the oldest one, whose place this would take. */
static struct recent *remember(uint8_t type, const struct sslc_hello *hello, uint64_t flow, uint64_t time_ns)
{
    struct recent *recent = &recents[add_relaxed(&next_recent, 1) % RECENT];
    if (!try_lock(&recent->lock, load_relaxed(&attach_stamp)))
        return NULL;
    recent->hello = *hello;
    recent->flow = flow;
    recent->time_ns = time_ns;
    recent->told = 0;
    store_relaxed(&recent->type, type);
    set_unclaimed(recent, flow == 0);
    unlock(&recent->lock);
    return recent;
}

/* Once for each ring; a carrier's number means something only in the ring of its time. Whoever holds the lock meanwhile tells this ring, or overwrites what is forgotten by then. */
static void tell(struct ring_view *view, struct recent *recent, bool carried)
{
    if (!try_lock(&recent->lock, load_relaxed(&attach_stamp)))
        return;
    if (recent->type == CLIENT_HELLO && recent->told != view->epoch && (carried || recent->flow == 0)) {
        recent->told = view->epoch;
        publish(view, &recent->hello, recent->flow, recent->time_ns);
    }
    unlock(&recent->lock);
}

void hello_replay(struct ring_view *view)
{
    /* Pairs with that in found(): a hello is seen here, or its thread sees the ring. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint32_t end = load_relaxed(&next_recent);
    for (uint32_t i = end > RECENT ? end - RECENT : 0; i != end; i++)
        tell(view, &recents[i % RECENT], false);
}

static COLD void found(int fd, uint64_t flow, bool received, const uint8_t *bytes)
{
    struct sslc_hello hello;
    uint8_t type = bytes[5];
    if (flow != 0 && type != CLIENT_HELLO)
        return;
    memset(&hello, 0, sizeof hello);
    if (flow == 0 && !address_of(fd, SSLC_GRADE_HELLO, &hello.address))
        return;
    memcpy(hello.client_random, bytes + HELLO_BYTES - 32, 32);
    hello.received = received;
    hello.carrier = flow;
    uint64_t now = clock_ns(SSLC_CLOCK_REALTIME);
    struct recent *recent = remember(type, &hello, flow, now);
    if (type != CLIENT_HELLO)
        return;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    struct ring_view *view = attach_ring();
    if (view != NULL && recent != NULL)
        tell(view, recent, true);
    else if (view != NULL)
        publish(view, &hello, flow, now);
}

static void drop_piece(struct piece *piece)
{
    store_relaxed(&piece->key, 0);
    __atomic_fetch_sub(&hello_waiting, 1, __ATOMIC_RELAXED);
}

/* Adds to the piece of this stream. True: the bytes belonged to it. */
static COLD bool continue_piece(uint64_t key, int fd, uint64_t flow, bool received, const uint8_t *bytes, size_t length)
{
    uint32_t stamp = load_relaxed(&attach_stamp);
    for (unsigned i = 0; i < PIECES; i++) {
        struct piece *piece = &pieces[i];
        uint64_t other = load_relaxed(&piece->key);
        if (other == 0)
            continue;
        if (other != key) {
            if (add_relaxed(&piece->looks, 1) >= PIECE_LOOKS && try_lock(&piece->lock, stamp)) {
                if (load_relaxed(&piece->key) == other)
                    drop_piece(piece);
                unlock(&piece->lock);
            }
            continue;
        }
        if (!try_lock(&piece->lock, stamp))
            return true;
        bool mine = load_relaxed(&piece->key) == key;
        if (mine) {
            /* Counted on from one reading: in a child whose stamp changes just now another thread may be in here, too. */
            size_t have = load_relaxed(&piece->have), room = HELLO_BYTES - have, more = length < room ? length : room;
            memcpy(piece->bytes + have, bytes, more);
            store_relaxed(&piece->have, (uint32_t)(have + more));
            enum verdict verdict = judge(piece->bytes, have + more);
            if (verdict == HELLO_FOUND)
                found(fd, flow, received, piece->bytes);
            if (verdict != HELLO_MORE)
                drop_piece(piece);
            mine = verdict != HELLO_NO; /* else the descriptor may be a new stream's, that begins here */
        }
        unlock(&piece->lock);
        return mine;
    }
    return false;
}

static COLD void begin_piece(uint64_t key, const uint8_t *bytes, size_t length)
{
    uint32_t stamp = load_relaxed(&attach_stamp), start = add_relaxed(&next_victim, 1);
    for (uint32_t i = 0; i <= PIECES; i++) { /* the last turn takes one that is in use */
        struct piece *piece = &pieces[(start + i) % PIECES];
        if ((i < PIECES && load_relaxed(&piece->key) != 0) || !try_lock(&piece->lock, stamp))
            continue;
        if (load_relaxed(&piece->key) == 0)
            add_relaxed(&hello_waiting, 1);
        memcpy(piece->bytes, bytes, length);
        store_relaxed(&piece->have, (uint32_t)length);
        store_relaxed(&piece->looks, 0);
        store_relaxed(&piece->key, key);
        unlock(&piece->lock);
        return;
    }
}

static void look(uint64_t key, int fd, uint64_t flow, bool received, const uint8_t *bytes, size_t length)
{
    if (load_relaxed(&hello_waiting) != 0 && continue_piece(key, fd, flow, received, bytes, length))
        return;
    enum verdict verdict = judge(bytes, length);
    if (verdict == HELLO_FOUND)
        found(fd, flow, received, bytes);
    else if (verdict == HELLO_MORE)
        begin_piece(key, bytes, length);
}

bool hello_address(const uint8_t *random, bool of_server, struct sslc_address *address)
{
    uint8_t type = of_server ? SERVER_HELLO : CLIENT_HELLO;
    for (uint32_t i = 0; i < RECENT; i++) {
        struct recent *recent = &recents[i];
        if (load_relaxed(&recent->type) != type || memcmp(recent->hello.client_random, random, 8) != 0 ||
            !try_lock(&recent->lock, load_relaxed(&attach_stamp)))
            continue;
        bool same = recent->type == type && recent->flow == 0 && memcmp(recent->hello.client_random, random, 32) == 0;
        if (same) {
            *address = recent->hello.address;
            set_unclaimed(recent, false);
        }
        unlock(&recent->lock);
        if (same)
            return true;
    }
    return false;
}

/* Keys: a descriptor has the high bit set, the address of an SSL object has not; there the lowest bit is the direction. */
void hello_look_socket(int fd, const uint8_t *bytes, size_t length)
{
    look(1ull << 63 | (uint64_t)(uint32_t)fd, fd, 0, true, bytes, length);
}

void hello_look_session(const void *ssl, uint64_t flow, bool received, const uint8_t *bytes, size_t length)
{
    look((uint64_t)(uintptr_t)ssl | received, -1, flow, received, bytes, length);
}
