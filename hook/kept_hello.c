/* SPDX-License-Identifier: MIT */
#include "kept_hello.h"

#include "attach.h"
#include "lock.h"

#define ROWS 4u
#define ROW 16u /* places in which a session may be: all of few that come at the same time have one */
#define PLACES (ROWS * ROW)
#define KEPT_BYTES 512u /* the name comes early; a hello may have large keys before it, and is mirrored without it */
#define HANDSHAKE 0x16
#define CLIENT_HELLO 1
#define DATAGRAMS 0xfe /* in place of version 3 */
#define SERVER_NAME 0
#define HOST_NAME 0

struct place {
    uint32_t lock;
    int socket;
    bool received;
    uint32_t have;
    uint8_t bytes[KEPT_BYTES];
};
static struct place places[PLACES];
static const void *sessions[PLACES]; /* whose the place is, NULL: nobody's; by a hash, in rows */
static uint32_t begun[ROWS];         /* that gave way to others */

static inline uint32_t row_of(const void *session)
{
    return (uint32_t)(address_hash(session) >> 62) * ROW;
}

/* Number of the session's place, or of one that is nobody's where `session` is NULL, in the row that begins at `row`; PLACES: none. */
static inline uint32_t find_place(uint32_t row, const void *session)
{
    for (uint32_t number = row; number < row + ROW; number++)
        if (load_relaxed(&sessions[number]) == session)
            return number;
    return PLACES;
}

/* Its place, locked; NULL: there is none, or another thread has it. */
static struct place *lock_place(const void *session)
{
    uint32_t number = session == NULL ? PLACES : find_place(row_of(session), session);
    if (number == PLACES || !try_lock(&places[number].lock, load_relaxed(&attach_stamp)))
        return NULL;
    if (load_relaxed(&sessions[number]) == session)
        return &places[number];
    unlock(&places[number].lock);
    return NULL;
}

/* The place of a session that is new: where it was, or is free, or of that which is there longest. */
static uint32_t choose_place(const void *session)
{
    uint32_t row = row_of(session), number = find_place(row, session);
    number = number != PLACES ? number : find_place(row, NULL);
    return number != PLACES ? number : row + add_relaxed(&begun[row / ROW], 1) % ROW;
}

void kept_hello_begin(const void *session)
{
    uint32_t number = choose_place(session);
    if (!try_lock(&places[number].lock, load_relaxed(&attach_stamp)))
        return;
    store_relaxed(&places[number].have, 0);
    store_relaxed(&sessions[number], session);
    unlock(&places[number].lock);
}

void kept_hello_forget(const void *session)
{
    struct place *place = lock_place(session);
    if (place == NULL)
        return;
    store_relaxed(&sessions[place - places], NULL);
    unlock(&place->lock);
}

bool kept_hello_gave_way(const void *session)
{
    return find_place(row_of(session), session) == PLACES;
}

/* Of the record that begins there; at most what is kept. */
static uint32_t wanted_bytes(const uint8_t *bytes, uint32_t have)
{
    uint32_t length = have < 5 ? KEPT_BYTES : 5 + ((uint32_t)bytes[3] << 8 | bytes[4]);
    return length < KEPT_BYTES ? length : KEPT_BYTES;
}

bool kept_hello_wanted(const void *session)
{
    uint32_t number = session == NULL ? PLACES : find_place(row_of(session), session);
    uint32_t have = number == PLACES ? 0 : load_relaxed(&places[number].have);
    return number != PLACES && have < wanted_bytes(places[number].bytes, have);
}

void kept_hello_pass(const void *session, int socket, bool received, const uint8_t *bytes, size_t length)
{
    struct place *place = kept_hello_wanted(session) ? lock_place(session) : NULL;
    if (place == NULL)
        return;
    uint32_t have = load_relaxed(&place->have), room = KEPT_BYTES - have;
    if (have == 0 ? bytes[0] == HANDSHAKE : place->received == received && place->socket == socket) {
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
    struct place *place = lock_place(session);
    if (place == NULL)
        return false;
    const uint8_t *bytes = place->bytes;
    struct reader reader = {bytes, bytes + load_relaxed(&place->have)};
    bool kept = take(&reader, 1) == HANDSHAKE;
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

size_t kept_hello_random(const void *session, unsigned char *to, size_t room)
{
    struct kept_hello hello;
    if (room < sizeof hello.random || !kept_hello_find(session, &hello))
        return 0;
    memcpy(to, hello.random, sizeof hello.random);
    return sizeof hello.random;
}

const char *kept_hello_name(const void *session, int kind)
{
    static __thread char name[256] __attribute__((tls_model("initial-exec")));
    struct kept_hello hello;
    (void)kind;
    if (!kept_hello_find(session, &hello) || hello.name_length == 0)
        return NULL;
    memcpy(name, hello.name, sizeof name);
    return name;
}
