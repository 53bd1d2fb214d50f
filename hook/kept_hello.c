/* SPDX-License-Identifier: MIT */
#include "kept_hello.h"

#include "attach.h"
#include "lock.h"

#define PLACES 64u
#define KEPT_BYTES 512u /* the name comes early; a hello may have large keys before it, and is mirrored without it */
#define HANDSHAKE 0x16
#define CLIENT_HELLO 1
#define DATAGRAMS 0xfe /* in place of version 3 */
#define SERVER_NAME 0
#define HOST_NAME 0

/* By a hash of the session. */
struct place {
    uint32_t lock;
    const void *session;
    int socket;
    bool received;
    uint32_t have;
    uint8_t bytes[KEPT_BYTES];
};
static struct place places[PLACES];

static inline struct place *place_of(const void *session)
{
    return &places[(uint64_t)(uintptr_t)session * 0x9e3779b97f4a7c15ull >> 58];
}

/* Its place, locked; NULL: another thread has it. */
static struct place *lock_place(const void *session)
{
    struct place *place = place_of(session);
    return try_lock(&place->lock, load_relaxed(&attach_stamp)) ? place : NULL;
}

void kept_hello_begin(const void *session)
{
    struct place *place = lock_place(session);
    if (place == NULL)
        return;
    store_relaxed(&place->session, session);
    store_relaxed(&place->have, 0);
    unlock(&place->lock);
}

void kept_hello_forget(const void *session)
{
    struct place *place = load_relaxed(&place_of(session)->session) == session ? lock_place(session) : NULL;
    if (place == NULL)
        return;
    if (place->session == session)
        store_relaxed(&place->session, NULL);
    unlock(&place->lock);
}

/* Of the record that begins there; at most what is kept. */
static uint32_t wanted_bytes(const uint8_t *bytes, uint32_t have)
{
    uint32_t length = have < 5 ? KEPT_BYTES : 5 + ((uint32_t)bytes[3] << 8 | bytes[4]);
    return length < KEPT_BYTES ? length : KEPT_BYTES;
}

bool kept_hello_wanted(const void *session)
{
    const struct place *place = place_of(session);
    uint32_t have = load_relaxed(&place->have);
    return load_relaxed(&place->session) == session && have < wanted_bytes(place->bytes, have);
}

void kept_hello_pass(const void *session, int socket, bool received, const uint8_t *bytes, size_t length)
{
    struct place *place = kept_hello_wanted(session) ? lock_place(session) : NULL;
    if (place == NULL)
        return;
    uint32_t have = load_relaxed(&place->have), room = KEPT_BYTES - have;
    if (place->session == session && (have == 0 ? bytes[0] == HANDSHAKE : place->received == received && place->socket == socket)) {
        place->socket = socket;
        place->received = received;
        memcpy(place->bytes + have, bytes, length < room ? length : room);
        store_relaxed(&place->have, have + (length < room ? (uint32_t)length : room));
    }
    unlock(&place->lock);
}

/* ---- What it says (RFC 8446, 4.1.2; RFC 6066, 3) ---- */

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

/* The next `size` bytes as a number; 0 behind the end. */
static uint32_t take(struct reader *reader, unsigned size)
{
    uint32_t number = 0;
    if ((size_t)(reader->end - reader->at) < size) {
        reader->at = reader->end;
        return 0;
    }
    while (size-- != 0)
        number = number << 8 | *reader->at++;
    return number;
}

static void skip(struct reader *reader, uint32_t length)
{
    size_t left = (size_t)(reader->end - reader->at);
    reader->at += length < left ? length : left;
}

static void read_name(struct reader reader, struct kept_hello *hello)
{
    skip(&reader, 2);
    uint32_t type = take(&reader, 1), length = take(&reader, 2);
    if (type != HOST_NAME || length >= sizeof hello->name || (size_t)(reader.end - reader.at) < length)
        return;
    memcpy(hello->name, reader.at, length);
    hello->name[length] = 0;
    hello->name_length = (uint8_t)length;
}

/* `reader` is behind the random. */
static void read_extensions(struct reader reader, struct kept_hello *hello)
{
    skip(&reader, take(&reader, 1)); /* session id */
    skip(&reader, take(&reader, 2)); /* cipher suites */
    skip(&reader, take(&reader, 1)); /* compression */
    skip(&reader, 2);
    while (reader.at != reader.end) {
        uint32_t type = take(&reader, 2), length = take(&reader, 2);
        if (type == SERVER_NAME && length != 0) {
            read_name(reader, hello);
            return;
        }
        skip(&reader, length);
    }
}

bool kept_hello_find(const void *session, struct kept_hello *hello)
{
    struct place *place = load_relaxed(&place_of(session)->session) == session ? lock_place(session) : NULL;
    if (place == NULL)
        return false;
    const uint8_t *bytes = place->bytes;
    struct reader reader = {bytes, bytes + load_relaxed(&place->have)};
    bool kept = place->session == session && take(&reader, 1) == HANDSHAKE;
    memset(hello, 0, sizeof *hello);
    hello->received = place->received;
    hello->datagrams = kept && take(&reader, 1) == DATAGRAMS;
    skip(&reader, 3);
    bool found = kept && (hello->datagrams || take(&reader, 1) == CLIENT_HELLO);
    skip(&reader, 5);
    if (found && !hello->datagrams && (size_t)(reader.end - reader.at) >= sizeof hello->random) {
        memcpy(hello->random, reader.at, sizeof hello->random);
        skip(&reader, sizeof hello->random);
        read_extensions(reader, hello);
    }
    unlock(&place->lock);
    return found;
}
