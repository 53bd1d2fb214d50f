/* SPDX-License-Identifier: MIT */
/* Calls of C functions, which threads are in. */
#ifndef SSLC_PROBES_CALLS_H
#define SSLC_PROBES_CALLS_H

#include "large.h"

/* The frame of a call that begins: one that was left by a jump at this place of the stack, or the one that waits the longest. */
INLINE struct frame *begin_frame(struct thread *thread, u64 stack) {
  u32 slot = thread->next & (FRAMES - 1);
  u8 outer = thread->current;
#pragma unroll
  for (u32 i = 0; i < FRAMES; i++) {
    if (thread->frames[i].stack == stack) {
      slot = i;
      outer = thread->frames[i].outer;
    }
  }
  struct frame *frame = &thread->frames[slot & (FRAMES - 1)];
  if (frame->stack != 0 && frame->stack != stack) {
    struct probe_books *books = the_books();
    if (books) count(&books->untracked, 1);
  }
  frame->stack = stack;
  frame->outer = outer;
  frame->quiet = 0;
  frame->sockets = 0;
  thread->next = (u8)((slot + 1) & (FRAMES - 1));
  thread->current = (u8)(slot + 1);
  return frame;
}

/* Whether a call is one of a call around it that is quiet, for the same session. */
INLINE int is_inside_quiet(const struct thread *thread, const struct frame *frame) {
  if (frame->outer == 0) return 0;
  const struct frame *outer = &thread->frames[(frame->outer - 1) & (FRAMES - 1)];
  /* One that was left by a jump is not around it. */
  return outer->quiet && outer->stack > frame->stack && outer->session == frame->session;
}

/* The frame of a call that returns, which is over with that; 0: it began before anybody looked. */
INLINE struct frame *end_frame(struct thread *thread, u64 stack) {
  u32 slot = FRAMES;
#pragma unroll
  for (u32 i = 0; i < FRAMES; i++) {
    if (thread->frames[i].stack == stack) slot = i;
  }
  if (slot >= FRAMES) return 0;
  struct frame *frame = &thread->frames[slot & (FRAMES - 1)];
  frame->stack = 0;
  thread->current = frame->outer;
  thread->next = (u8)slot;
  return frame;
}

#define PR_MSG_PEEK 2

/* A call that is none of TLS's, or the hook's to tell. */
INLINE int is_passed_by(struct pt_regs *registers, u64 cookie) {
  struct probe_session_key key = key_of(ARGUMENT_1(registers));
  return cookie & PROBE_LAYER && !is_told_layer(&key);
}

/* A call that passes nothing, or leaves its bytes to be read again. */
INLINE int is_quiet(struct pt_regs *registers, u64 cookie) {
  if (cookie & PROBE_PEEKS && ARGUMENT_4(registers) & PR_MSG_PEEK) return 1;
  return (cookie & PROBE_FUNCTION_MASK) == PROBE_QUIET;
}

INLINE void begin_call(struct pt_regs *registers, u64 cookie) {
  u64 stack = STACK(registers) + PROBE_DEPTH(cookie);
  if (is_passed_by(registers, cookie)) {
    struct thread *known = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
    /* A call that was left by a jump at this place of the stack has no part in this one. */
    if (known) end_frame(known, stack);
    return;
  }
  struct thread *thread =
    bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!thread) {
    struct probe_books *books = the_books();
    if (books) count(&books->untracked, 1);
    return;
  }
  struct frame *frame = begin_frame(thread, stack);
  frame->session = ARGUMENT_1(registers);
  frame->quiet = is_quiet(registers, cookie) || is_inside_quiet(thread, frame);
  frame->buffer = ARGUMENT_2(registers);
  frame->size = ARGUMENT_3(registers);
  if (cookie & PROBE_OPAQUE) {
    frame->buffer = 0;
    frame->size = ~0ull;
  }
  frame->count_at = cookie & PROBE_COUNT_BEHIND ? ARGUMENT_4(registers) : 0;
  frame->time_ns = bpf_ktime_get_ns();
  frame->library = PROBE_LIBRARY(cookie);
  frame->way = cookie & PROBE_READS ? PROBE_RECEIVED : PROBE_SENT;
  frame->keeps = (cookie & PROBE_KEEPS) != 0;
  frame->parts = (cookie & PROBE_PARTS) != 0;
  frame->layered = (cookie & PROBE_LAYER) != 0;
  if (is_large(frame)) begin_large(frame, RETURN_PLACE(registers));
}

#define GNUTLS_E_AGAIN -28
#define GNUTLS_E_INTERRUPTED -52

/* Bytes that a call has passed; 0 where it failed. */
INLINE u64 count_of(const struct frame *frame, s32 result) {
  u64 length = (u32)result;
  if (result <= 0) return 0;
  if (frame->count_at != 0 && bpf_probe_read_user(&length, sizeof length, (void *)frame->count_at) != 0) return 0;
  return length > frame->size ? 0 : length;
}

/*
 * The same of a call that keeps what a socket does not take: its first record has left its caller's hands and is told, whether the call
 * that says so brings it again or nothing. Moves the frame's buffer behind what was told before.
 */
INLINE u64 count_of_keeper(struct frame *frame, s32 result) {
  struct probe_session_key key = key_of(frame->session);
  struct probe_session *session = bpf_map_lookup_elem(&sessions, &key);
  u32 ahead = session ? session->ahead : 0;
  if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED) {
    if (!session || ahead > 0 || frame->size == 0) return 0;
    u32 kept = frame->size > PROBE_PIECE_MAX ? PROBE_PIECE_MAX : (u32)frame->size;
    session->ahead = kept;
    return kept;
  }
  if (result <= 0) return 0;
  u32 known = (u32)result < ahead ? (u32)result : ahead;
  if (session) session->ahead = ahead - known;
  if ((u32)result > known && (u32)result > frame->size) return 0;
  frame->buffer += known;
  return (u32)result - known;
}

/* PR_MAX_IOVECTOR_SIZE */
#define PARTS_MAX 16

/* PRIOVec */
struct part {
  u64 bytes;
  s32 length;
};

/* Of a call that is over. What stands behind a part that cannot be read is a gap. */
INLINE void tell_parts(struct frame *frame, s32 result, const struct caller *caller) {
  u64 parts = frame->buffer, left = result > 0 ? (u32)result : 0;
  for (u32 index = 0; index < PARTS_MAX && left > 0; index++) {
    struct part part = { 0 };
    int is_known = bpf_probe_read_user(&part, sizeof part, (void *)(parts + index * sizeof part)) == 0;
    u64 length = is_known && part.length >= 0 && (u32)part.length < left ? (u32)part.length : left;
    frame->buffer = is_known && part.length >= 0 ? part.bytes : 0;
    left -= length;
    if (length > 0) tell_call(frame, length, caller);
  }
}

/* A quiet call may be the only one that uses the session's socket. */
INLINE void take_quiet_ends(const struct frame *frame) {
  struct probe_session_key key = key_of(frame->session);
  struct probe_session *session = bpf_map_lookup_elem(&sessions, &key);
  if (session) take_ends(session, frame);
}

INLINE void end_call(struct pt_regs *registers, u64 cookie) {
  struct thread *thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
  u64 depth = PROBE_DEPTH(cookie), stack = STACK(registers) + depth;
  struct frame *frame = thread ? end_frame(thread, stack) : 0;
  if (!frame) return;
  if (frame->quiet) {
    take_quiet_ends(frame);
    return;
  }
  s32 result = (s32)RESULT(registers);
  struct caller caller = { depth == 0 ? PLACE(registers) : 0, stack };
  if (frame->parts) {
    tell_parts(frame, result, &caller);
    return;
  }
  /* The last byte of a call of NSS's may come again in one of its own. */
  if (is_large(frame) || (frame->layered && frame->way == PROBE_SENT)) {
    end_large(frame, count_of(frame, result), &caller);
    return;
  }
  u64 length = frame->keeps ? count_of_keeper(frame, result) : count_of(frame, result);
  if (length > 0) tell_call(frame, length, &caller);
}

#endif
