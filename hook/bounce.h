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

#include "sys.h"

#define BOUNCE_STACK 512u
#define BOUNCE_SMALL (16u << 10)  /* the clear text of one TLS record */
#define BOUNCE_LARGE (256u << 10) /* a window on a write that is larger than that */

/* The copy of a part of what a call writes; positions count from the first byte that it writes. */
struct bounce {
    const uint8_t *from; /* the caller's */
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

/* Finds room for a copy; `stack` has BOUNCE_STACK bytes. `stamp` is that of try_lock. Copies nothing yet. */
void bounce_begin(struct bounce *bounce, uint8_t *stack, const void *from, uint64_t length, uint32_t stamp);

/* Copies the caller's bytes up to position `end`, as far as there is room. */
void bounce_fill(struct bounce *bounce, uint64_t end);

/* Makes room for bytes further on; those before `position` are needed no more. */
void bounce_pass(struct bounce *bounce, uint64_t position);

/* Bytes that were copied from `position` on, 0: none. */
static inline uint64_t bounce_have(const struct bounce *bounce, uint64_t position)
{
    uint64_t end = bounce->start + bounce->filled;
    return position >= bounce->start && position < end ? end - position : 0;
}

/* The call has returned: whether the copy is still its own. If it is, it stays so until bounce_end. */
bool bounce_keep(struct bounce *bounce);

void bounce_end(struct bounce *bounce);

/* The call was left and will not return, as far as its thread can see: others may take the buffer. */
void bounce_orphan(uint32_t number, uint64_t ticket);

#endif
