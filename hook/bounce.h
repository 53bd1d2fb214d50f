/* SPDX-License-Identifier: MIT */
/* Copies of what is being written.
 *
 * The caller's memory is the hook's to read only until the call's bytes may be out: a reader on another thread may free it from
 * then on. So what a call writes is copied before the original is called, and published, when that has returned, from the copy.
 *
 * Small writes are copied to the wrapper's stack, others to a buffer of a pool. The pool is bounded, and a call that finds it
 * exhausted has no copy. A buffer whose call was left by a longjmp is an orphan, which others may take; one whose thread was
 * cancelled within the call is lost to the process. */
#ifndef SSLC_BOUNCE_H
#define SSLC_BOUNCE_H

#include <sys/uio.h>

#include "sys.h"

#define BOUNCE_STACK 512u
#define BOUNCE_SMALL (16u << 10)  /* the clear text of one TLS record */
#define BOUNCE_LARGE (256u << 10) /* a window on a write that is larger than that */

/* The copy of a part of what a call writes; positions count from the first byte that it writes. */
struct bounce {
    const uint8_t *from; /* the caller's */
    const struct iovec *pieces; /* where `from` is NULL: the caller's, several of them */
    uint64_t length;     /* of all that the call writes */
    uint8_t *bytes;      /* NULL: no copy */
    uint64_t start;      /* position of bytes[0] */
    uint32_t filled;     /* bytes copied */
    uint32_t room;
    uint32_t number;     /* of the pool's buffer, BOUNCE_NONE: on the stack, or nowhere */
    uint64_t ticket;     /* what the pool's buffer was claimed with */
};
#define BOUNCE_NONE UINT32_MAX

/* Makes the pool, unless it is there; `small`: a few buffers. Nobody may use it before. By one thread at a time, as are the next two.
 * False when memory is refused. */
bool bounce_create(bool small);

/* Gives back the addresses of most buffers that are free. */
void bounce_shrink(void);

/* Gives back all; only when nobody has used it yet. */
void bounce_discard(void);

/* A write of `length` bytes begins, of which there is no copy. */
static inline void bounce_none(struct bounce *bounce, const void *from, uint64_t length)
{
    bounce->from = from;
    bounce->length = length;
    bounce->bytes = NULL;
    bounce->start = 0;
    bounce->filled = 0;
    bounce->room = 0;
    bounce->number = BOUNCE_NONE;
}

/* The same of no more than BOUNCE_STACK bytes, all of which are copied to `stack`. */
static inline void bounce_copy(struct bounce *bounce, uint8_t *stack, const void *from, uint64_t length)
{
    bounce->from = from;
    bounce->length = length;
    bounce->bytes = stack;
    bounce->start = 0;
    bounce->filled = (uint32_t)length;
    bounce->room = BOUNCE_STACK;
    bounce->number = BOUNCE_NONE;
    memcpy(stack, from, length);
}

/* Finds room for a copy in the pool. `stamp` is that of try_lock. */
void bounce_begin_in_pool(struct bounce *bounce, uint32_t stamp);

/* The same for a copy on the stack where that is long enough: `stack` has BOUNCE_STACK bytes. Copies nothing yet. */
static inline void bounce_begin(struct bounce *bounce, uint8_t *stack, uint32_t stamp)
{
    if (LIKELY(bounce->length <= BOUNCE_STACK)) {
        bounce->bytes = stack;
        bounce->room = BOUNCE_STACK;
    } else {
        bounce_begin_in_pool(bounce, stamp);
    }
}

/* Copies the caller's bytes up to position `end`, as far as there is room. */
static inline void bounce_fill(struct bounce *bounce, uint64_t end)
{
    uint64_t have = bounce->start + bounce->filled, most = bounce->start + bounce->room;
    end = end < bounce->length ? end : bounce->length;
    end = end < most ? end : most;
    if (end <= have)
        return;
    memcpy(bounce->bytes + bounce->filled, bounce->from + have, end - have);
    bounce->filled += (uint32_t)(end - have);
}

/* The same where they may be several pieces. */
void bounce_fill_any(struct bounce *bounce, uint64_t end);

/* Makes room for bytes further on; those before `position` are needed no more. */
void bounce_pass(struct bounce *bounce, uint64_t position);

/* Bytes that were copied from `position` on, 0: none. */
static inline uint64_t bounce_have(const struct bounce *bounce, uint64_t position)
{
    uint64_t end = bounce->start + bounce->filled;
    return position >= bounce->start && position < end ? end - position : 0;
}

/* Of a copy in the pool, see below. */
bool bounce_keep_in_pool(struct bounce *bounce);
void bounce_end_in_pool(struct bounce *bounce);

/* The call has returned: whether the copy is still its own. If it is, it stays so until bounce_end. */
static inline bool bounce_keep(struct bounce *bounce)
{
    return LIKELY(bounce->number == BOUNCE_NONE) ? bounce->bytes != NULL : bounce_keep_in_pool(bounce);
}

static inline void bounce_end(struct bounce *bounce)
{
    if (UNLIKELY(bounce->number != BOUNCE_NONE))
        bounce_end_in_pool(bounce);
}

/* The call was left and will not return, as far as its thread can see: others may take the buffer. */
void bounce_orphan(uint32_t number, uint64_t ticket);

#endif
